"""Restore."""

from __future__ import annotations

from db.restore.plan import EVERYTHING
from shell.pages.restore import FORCE, LAST, PLAIN, check, start, status
from shell.registry import Argument, Command, Context
from shell.term import Suggestion


async def _backups(context: Context) -> list[Suggestion]:
    return [
        Suggestion(each.name, f"{each.size / 1e6:,.1f} MB") for each in await context.services.backup.kept()
    ]


_BACKUP = Argument("BACKUP", help=f"as in show backups, {LAST}, or TARGET:BACKUP", source=_backups)
_KINDS = "what of it; without a word, everything"

COMMANDS: tuple[Command, ...] = (
    Command(
        ("restore", "check"),
        "What a restore would change; nothing is changed",
        check,
        (_BACKUP, Argument("KIND", optional=True, repeats=True, help=_KINDS, words=(*EVERYTHING, PLAIN))),
        changes=True,
    ),
    Command(
        ("restore", "start"),
        "Restore a backup, whole or by kind; the present state is backed up first, calls go on",
        start,
        (
            _BACKUP,
            Argument("KIND", optional=True, repeats=True, help=_KINDS, words=(*EVERYTHING, PLAIN, FORCE)),
        ),
        changes=True,
    ),
    Command(("restore", "status"), "How far a restore is, or what came of it", status, filtered=True),
)

"""Targets of backups."""

from __future__ import annotations

from shell.pages import targets
from shell.registry import Argument, Command

_NAME = Argument("NAME", help="of a target", source=targets.names)
_T = ("target",)

COMMANDS: tuple[Command, ...] = (
    Command(("show", "targets"), "Where backups are carried to, and what came of it",
            targets.show_targets, filtered=True),
    Command((*_T, "add"), "Set up a place for backups", targets.add,
            (Argument("NAME", help="how it is to be called"), Argument("KIND", words=targets.KINDS)),
            changes=True),
    Command((*_T, "set"), "Change a target; a secret is asked for", targets.set_,
            (Argument("NAME WORD [VALUE]", help=f"a target, one of {', '.join(targets.WORDS)}, and its value",
                      source=targets.names),), changes=True, asked=targets.ASKED),
    Command((*_T, "remove"), "Carry nothing there any more; the backups there stay", targets.remove,
            (_NAME,), changes=True),
    Command((*_T, "key"), "Make a new key to log in there with; its public half is shown", targets.key,
            (_NAME,), changes=True),
    Command((*_T, "test"), "Go there, write, read and delete, and say each step", targets.test, (_NAME,),
            changes=True, filtered=True),
    Command(("target", "backups"), "The backups on a target", targets.show_kept, (_NAME,), filtered=True),
)  # fmt: skip

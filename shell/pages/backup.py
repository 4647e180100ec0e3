"""Backup: begun, looked on at, and which there are."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import asdict
from functools import partial

from shell.backup_ports import HERE, BackupState, KeptBackup
from shell.layout import Cell, table
from shell.listing import interrupted
from shell.pipes import Pipe
from shell.registry import Answer, Context, Live
from shell.reply import CommandError, Reply
from shell.term import Interrupted, Line, Span, Style, Term

PLAIN = "plain"
GOES_ON = "It goes on. backup status looks in again."
NONE = "There has been no backup since the start."
RIGHT = f"right is: backup [{PLAIN}] [to TARGET]"
_BAR = 30
LONGEST = 71
"""Of the name of a backup (`db.backup.names`): it is typed to restore it, so it is never cut."""


async def backup(context: Context, arguments: tuple[str, ...]) -> Answer:
    """Asks for a password first, unless it is to be plain."""
    words = " ".join(arguments).split()
    plain = bool(words) and words[0].casefold() == PLAIN
    rest = words[1:] if plain else words
    if rest and (rest[0].casefold() != "to" or len(rest) == 1):
        raise CommandError(f"backup: {' '.join(rest)[:40]!r} was not understood", RIGHT)
    if context.script and not plain:
        raise CommandError(
            "this asks for a password, and a script is not asked",
            f"instead: backup {PLAIN}, without a password",
        )
    return Live(partial(_make, context, " ".join(rest[1:]) or HERE, plain))


async def status(context: Context, _arguments: tuple[str, ...]) -> Reply | Live:
    state = await context.services.backup.state()
    if state is None:
        return Reply((NONE,), {})
    if not state.done and not context.script:
        return Live(partial(_follow, context))
    return Reply((_told(state),) if not state.done else _end(state), _data(state))


async def show_backups(context: Context, _arguments: tuple[str, ...]) -> Reply:
    """Those on this machine, newest first, below the one that is being made."""
    state = await context.services.backup.state()
    found = list(await context.services.backup.kept())
    lines: tuple[Line, ...] = (_told(state), "") if state and not state.done else ()
    if not found:
        lines = (*lines, "There is no backup on this machine; backup makes one.")
    else:
        rows: list[tuple[Cell, ...]] = [_row(context, each) for each in found]
        lines = (*lines, *table(rows, context.table_width, heading=("Backup", "Made", "Size"), most=LONGEST))
    return Reply(lines, [{"name": e.name, "bytes": e.size, "at": e.at.isoformat()} for e in found])


async def _make(
    context: Context, destination: str, plain: bool, term: Term, pipes: tuple[Pipe, ...]
) -> Reply:
    try:
        password = "" if plain else await _asked(term)
    except Interrupted:
        return Reply(("Nothing was begun.",))
    await context.services.backup.begin(context.actor, destination, password)
    return await _follow(context, term, pipes)


async def _asked(term: Term) -> str:
    await term.show(
        "Whoever has the backup can read passwords' hashes, keys and calls in it, unless it has a password."
    )
    first = await term.ask("Password of the backup, Enter for none: ", secret=True)
    await term.show("")
    if not first:
        return ""
    again = await term.ask("Once more: ", secret=True)
    await term.show("")
    if first != again:
        raise CommandError("the two are not the same; nothing was begun", "backup asks again")
    if not first.isascii():
        await term.show("7-Zip on Windows may read letters with accents in it in another way.")
    return first


async def _follow(context: Context, term: Term, _pipes: tuple[Pipe, ...]) -> Reply:
    seen: list[BackupState] = []

    async def follow() -> None:
        async with aclosing(context.services.backup.follow()) as states:
            async for state in states:
                before = seen[-1].doing if seen else None
                seen.append(state)
                if state.done:
                    return
                if term.rich:
                    await term.status(_told(state))
                elif state.doing != before:
                    await term.show(_told(state))

    left = await interrupted(term, follow())
    if term.rich:
        await term.status("")
    if left:
        return Reply((GOES_ON,))
    return Reply(_end(seen[-1]), _data(seen[-1])) if seen else Reply((NONE,), {})


def _told(state: BackupState) -> Line:
    full = round(_BAR * state.percent / 100)
    return (
        Span(f"  [{'#' * full}{'.' * (_BAR - full)}] {state.percent:>3} %  ", Style.KEY),
        Span(f"{state.doing} (begun by {state.who})"),
    )


def _end(state: BackupState) -> tuple[Line, ...]:
    if state.failed:
        first: Line = (Span(f"No backup: {state.result}", Style.BAD),)
        return (first, f"  {state.hint}") if state.hint else (first,)
    kind = "with a password" if state.encrypted else "without a password"
    return ((Span(f"{state.file} is good ({kind}).", Style.GOOD),), f"  {state.result}")


def _row(context: Context, each: KeptBackup) -> tuple[Cell, ...]:
    return (
        each.name,
        f"{each.at.astimezone(context.services.zone):%Y-%m-%d %H:%M}",
        f"{each.size / 1e6:,.1f} MB",
    )


def _data(state: BackupState) -> dict[str, object]:
    return {**asdict(state), "began": state.began.isoformat()}

"""Repair Database: what is damaged, the repair while its user looks on, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import asdict
from functools import partial

from db.repair import report
from db.repair.found import Diagnosis
from shell.layout import Cell, paragraph, table
from shell.listing import interrupted
from shell.pipes import Pipe
from shell.registry import Ask, Context, Live
from shell.repair_ports import RepairState
from shell.reply import CommandError, Reply
from shell.term import Line, Span, Style, Term
from shell.trail import record

GOES_ON = "It goes on. repair status looks in again."
_BAR = 30
_FILE = (
    "The web server is stopped meanwhile and the store cannot be changed; calls go on.",
    "The damaged store is kept as it is.",
)
_SERVER = (
    "The PostgreSQL server makes the indexes anew; whoever writes to a table waits so long. Calls go on.",
)
_WORDS = {
    "sound": ("The store is sound.", Style.GOOD),
    "indexes": ("Indexes are damaged, rows are not: nothing will be lost.", Style.BAD),
    "damaged": ("The store is damaged.", Style.BAD),
    "missing": ("The store is missing.", Style.BAD),
}


async def check(context: Context, _arguments: tuple[str, ...]) -> Reply:
    found = await context.services.repair.check()
    return Reply(found_lines(context, found), found.as_json())


async def start(context: Context, arguments: tuple[str, ...]) -> Ask | Live:
    """With a look first, and a question; `force` does neither, and repairs a sound store too."""
    if arguments:
        if arguments[0].casefold() != "force":
            raise CommandError(f"{arguments[0]!r} is not force", "right is: repair start [force]")
        return Live(partial(_repair, context, True))
    found = await context.services.repair.check()
    lines = found_lines(context, found)
    if found.verdict in ("sound", "missing"):
        anew = "repair start force makes it anew all the same"
        raise CommandError(_WORDS[found.verdict][0], anew if found.verdict == "sound" else found.findings[0])
    return Ask(
        (*lines, "", *(_SERVER if found.server else _FILE)), "Repair it? (yes/no) ",
        {"yes": partial(_live, context)}, "repair start force",
    )  # fmt: skip


async def status(context: Context, _arguments: tuple[str, ...]) -> Reply | Live:
    state = await context.services.repair.state()
    if state is None:
        return Reply(("There has been no repair.",), {})
    if not state.done and not context.script:
        return Live(partial(_follow, context))
    return Reply((_told(state),) if not state.done else (*_end(state),), asdict(state))


async def show_repairs(context: Context, arguments: tuple[str, ...]) -> Reply:
    reports = list(await context.services.repair.reports())
    if not reports:
        return Reply(("There is no report of a repair.",), [])
    if arguments:
        chosen = [each for each in reports if arguments[0] in ("last", str(each.get("stamp")))]
        if not chosen:
            raise CommandError(f"there is no repair {arguments[0]!r}", "show repairs lists them")
        return Reply(tuple(report.lines(chosen[0])), chosen[0])
    rows: list[tuple[Cell, ...]] = [
        (str(each.get("stamp")), str(each.get("who")), report.in_a_line(each)) for each in reports
    ]
    return Reply(table(rows, context.table_width, heading=("Repair", "By", "Result")), reports)


def found_lines(context: Context, found: Diagnosis) -> tuple[Line, ...]:
    """What a look has come to."""
    words, style = _WORDS[found.verdict]
    lines: list[Line] = [(Span(words, style),), *(f"  {each}" for each in found.findings[:8])]
    if len(found.findings) > 8:
        lines.append(f"  and {len(found.findings) - 8} more of that kind")
    lines += [line for each in found.notes for line in paragraph(each, context.width)]
    if found.verdict == "damaged" and found.tables:
        rows: list[tuple[Cell, ...]] = [
            (each.table, str(each.kept), str(each.doubtful), str(each.lost), str(each.pages))
            for each in found.tables
        ]
        head = ("Table", "Kept", "Doubtful", "Lost, named", "Lost pages")
        lines += ["", "A repair would keep:", *table(rows, context.table_width, heading=head)]
    return tuple(lines)


async def _live(context: Context) -> Live:
    return Live(partial(_repair, context, False))


async def _repair(context: Context, force: bool, term: Term, pipes: tuple[Pipe, ...]) -> Reply:
    await context.services.repair.start(context.account.user, force=force)
    await record(context.services.audit, context.actor, "repair", "force" if force else "")
    return await _follow(context, term, pipes)


async def _follow(context: Context, term: Term, _pipes: tuple[Pipe, ...]) -> Reply:
    seen: list[RepairState] = []

    async def follow() -> None:
        async with aclosing(context.services.repair.follow()) as states:
            async for state in states:
                seen.append(state)
                if not state.done:
                    await (term.status(_told(state)) if term.rich else term.show(_told(state)))

    left = await interrupted(term, follow())
    if term.rich:
        await term.status("")
    if left:
        return Reply((GOES_ON,))
    if not seen:
        return Reply(("There has been no repair.",))
    reports = await context.services.repair.reports()
    told = next((each for each in reports if each.get("stamp") == seen[-1].report), None)
    lines: tuple[Line, ...] = _end(seen[-1])
    if told is not None:
        lines = (*lines, "", *report.lines(told))
        if not context.script:
            lines = (*lines, "", (Span("show repairs last shows this again.", Style.DIM),))
    return Reply(lines, told if isinstance(told, Mapping) else asdict(seen[-1]))


def _told(state: RepairState) -> Line:
    full = round(_BAR * state.percent / 100)
    return (
        Span(f"  [{'#' * full}{'.' * (_BAR - full)}] {state.percent:>3} %  ", Style.KEY),
        Span(f"{state.step} (begun by {state.who})"),
    )


def _end(state: RepairState) -> tuple[Line, ...]:
    first = (Span(state.result or state.step, Style.BAD if state.failed else Style.GOOD),)
    return (first, f"  {state.hint}") if state.hint else (first,)

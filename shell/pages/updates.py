"""Updates: which there are, what each will do, what became of former ones, and what a login has to tell."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any

from shell.layout import Cell, cut, day_and_time, moment, pairs, paragraph, table
from shell.ports import SystemUnavailableError
from shell.registry import Context
from shell.reply import CommandError, Reply
from shell.safe import safe
from shell.term import Line, Span, Style, Suggestion, plain, width
from shell.update_ports import Notice, Update, Updates, UpdateState

NONE = "There is no update on this machine."
FROM_WHERE = "The web page Updates takes one, and update fetch TARGET NAME gets one."
ENDING = ".raucb"
SEEN = "update seen"
WITHIN_S = 2.0
"""A login waits no longer for its notices."""
_BAR = 20
_STANDS = {
    "running": "It runs.",
    "previous": "What ran before it; update back starts it again.",
    "installed": "The next start of the machine starts it: update reboot.",
}
_STYLES = {
    "refused": Style.BAD,
    "ready": Style.GOOD,
    "installed": Style.KEY,
    "running": Style.KEY,
}


def port(context: Context) -> Updates:
    found = context.services.updates
    if found is None:
        raise CommandError("there are no updates here", "the appliance's image has them")
    return found


async def show_updates(context: Context, _arguments: tuple[str, ...]) -> Reply:
    """Newest first, below the one that is being installed."""
    state = await port(context).state()
    found = await port(context).listed()
    lines = (*going_on(context, state), *listing(context, found))
    return Reply(lines, [_data(each) for each in found])


async def show_one(context: Context, arguments: tuple[str, ...]) -> Reply:
    each = await named(context, " ".join(arguments))
    return Reply(details(context, each), _data(each))


async def show_history(context: Context, _arguments: tuple[str, ...]) -> Reply:
    found = await port(context).history()
    if not found:
        return Reply(("No update has been installed on this machine.",), [])
    rows: list[tuple[Cell, ...]] = []
    for each in found:
        style = Style.GOOD if each.ok else Style.BAD
        whence = f"{each.start or '?'} -> {each.end or '?'}"
        rows.append((moment(each.at, context.services.zone), each.kind, whence, Span(each.what, style),
                     f"{each.who}: {each.reason}" if each.reason else each.who))  # fmt: skip
    heading = ("When", "Kind", "From, to", "Outcome", "By, and why")
    lines = table(rows, context.table_width, heading=heading, whole=True)
    return Reply(lines, [{**asdict(each), "at": each.at.isoformat()} for each in found])


async def named(context: Context, name: str) -> Update:
    """Its ending may be left out. Raises CommandError."""
    found = {each.name: each for each in await port(context).listed()}
    each = found.get(name) or found.get(f"{name}{ENDING}")
    if each is None:
        raise CommandError(f"there is no update {name[:60]!r}", "update list shows what there is")
    return each


async def names(context: Context) -> Sequence[Suggestion]:
    """For completion."""
    if context.services.updates is None:
        return ()
    found = await context.services.updates.listed()
    return [Suggestion(each.name, f"{each.version} {each.kind} {each.state}") for each in found]


def listing(context: Context, found: Sequence[Update], *, numbered: bool = False) -> tuple[Line, ...]:
    """Below each what it will do, or why it will not be installed. A name is typed to do something with it,
    so it is never cut."""
    if not found:
        return (NONE, f"  {FROM_WHERE}")
    columns = context.table_width
    heading = (*(("No.",) if numbered else ()), "Version", "Kind", "State", "Size", "Update")
    rows = [
        (*((Span(f"{number:>3}", Style.KEY),) if numbered else ()), *_row(each))
        for number, each in enumerate(found, start=1)
    ]
    first, *heads = table(rows, columns, heading=heading, most=20)
    lines: list[Line] = [first]
    deep = " " * (5 if numbered else 2)
    for each, head in zip(found, heads, strict=True):
        name = safe(each.name)
        if columns is None or width(plain(head)) + width(name) <= columns:
            lines.append((*head, Span(name)))
        else:
            lines += [head, *(deep + piece for piece in _pieces(name, columns - len(deep)))]
        style = Style.BAD if each.state == "refused" else Style.DIM
        lines.extend((Span(deep + piece, style),) for piece in _below(_in_short(each), columns, len(deep)))
    return tuple(lines)


def details(context: Context, each: Update) -> tuple[Line, ...]:
    """All that is known of one, before it is installed or deleted."""
    items: list[tuple[str, Cell]] = [
        ("Update", each.name),
        ("Version", Span(" ".join((each.version, each.kind)) if each.version else "not known", Style.TITLE)),
        ("State", Span(each.state, _STYLES.get(each.state, Style.PLAIN))),
        ("Size", _size(each)),
    ]
    if each.built_at:
        items.append(("Made", moment(each.built_at, context.services.zone)))
    items.append(("Signed by", each.signer or Span("not known", Style.BAD)))
    if each.notes:
        items.append(("Notes", each.notes))
    if each.verdict_reason:
        items.append(("Downgrade" if each.downgrade else "Refused", Span(each.verdict_reason, Style.BAD)))
    if each.hint:
        items.append(("", each.hint))
    if each.state in ("running", "previous"):
        return (*pairs(items, context.width), "", _STANDS[each.state])
    return (*pairs(items, context.width), *effects(context, each))


def effects(context: Context, each: Update) -> tuple[Line, ...]:
    """What installing it does."""
    if not each.effects:
        return ()
    lines: list[Line] = ["", (Span("What it does", Style.TITLE),)]
    for effect in each.effects:
        first, *more = paragraph(effect, context.width, indent=4) or ("",)
        lines += [f"  - {plain(first).strip()}", *more]
    return tuple(lines)


def going_on(context: Context, state: UpdateState | None) -> tuple[Line, ...]:
    """What is done just now, or planned, and a blank line; nothing else."""
    return () if state is None or state.done else (told(context, state), "")


def told(context: Context, state: UpdateState) -> Line:
    if state.at is not None:
        when = day_and_time(state.at, context.services.zone)
        return (Span(f"  {state.name} will be installed on {when} (planned by {state.who})", Style.KEY),)
    full = round(_BAR * max(0, min(100, state.percent)) / 100)
    bar = f"  [{'#' * full}{'.' * (_BAR - full)}] {state.percent:>3} %  "
    what = f"{state.doing} (begun by {state.who}): {doing(state)}"
    room = context.table_width and context.table_width - len(bar)
    return (Span(bar, Style.KEY), Span(cut(what, room) if room else what))


def doing(state: UpdateState) -> str:
    return f"{state.what} {state.name}".rstrip()


def ended(state: UpdateState) -> tuple[Line, ...]:
    said = state.result or f"{doing(state)} {'failed' if state.failed else 'is done'}"
    first: Line = (Span(said, Style.BAD if state.failed else Style.GOOD),)
    return (first, f"  {state.hint}") if state.hint else (first,)


def state_data(state: UpdateState) -> dict[str, Any]:
    return {**asdict(state), "began": state.began.isoformat(), "at": _iso(state.at)}


async def notices(context: Context) -> tuple[Line, ...]:
    """For somebody who has just logged in. What cannot be had is not waited for."""
    updates = context.services.updates
    if updates is None:
        return ()
    found: Sequence[Notice] = ()
    with suppress(SystemUnavailableError, TimeoutError):
        async with asyncio.timeout(WITHIN_S):
            found = await updates.notices()
    lines: list[Line] = []
    for each in found:
        style = Style.BAD if each.kind == "backup" else Style.TITLE
        lines.extend(_styled(paragraph(each.text, context.width, indent=0), style))
        if each.hint:
            lines.extend(paragraph(each.hint, context.width))
        if each.kind == "outcome" and context.may_change and SEEN not in each.hint:
            lines.append((Span(f"  {SEEN}: it is not told again.", Style.DIM),))
    return tuple(lines)


def _row(each: Update) -> tuple[Cell, ...]:
    state = Span(each.state, _STYLES.get(each.state, Style.PLAIN))
    return (each.version or "?", each.kind or "?", state, _size(each), "")


def _in_short(each: Update) -> str:
    if each.state in ("running", "previous", "installed"):
        return _STANDS[each.state]
    if each.verdict_reason:
        return each.verdict_reason
    return " ".join(each.effects) or "What it does is not known."


def _below(text: str, columns: int | None, deep: int) -> list[str]:
    """On two lines at most; all of it where nothing is cut."""
    if columns is None:
        return [text]
    first, *more = textwrap.wrap(safe(text), columns - deep, break_on_hyphens=False)
    return [first, *([cut(" ".join(more), columns - deep)] if more else [])]


def _pieces(name: str, room: int) -> list[str]:
    """Every character of it, on as many lines as it needs."""
    found = [""]
    for char in name:
        if width(found[-1] + char) > room:
            found.append("")
        found[-1] += char
    return found


def _size(each: Update) -> str:
    return f"{each.size / 1e6:,.1f} MB"


def _styled(lines: Sequence[Line], style: Style) -> list[Line]:
    return [(Span(plain(line), style),) for line in lines]


def _data(each: Update) -> dict[str, Any]:
    return {**asdict(each), "built_at": _iso(each.built_at)}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None

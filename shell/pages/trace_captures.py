"""Captures of traces as commands: list, show, draw, export, delete."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from shell.layout import Cell, duration, moment, pairs, table
from shell.pages.trace import read_choice
from shell.pages.trace_words import size_words, state_words
from shell.registry import Answer, Context, Listing
from shell.reply import CommandError, Reply
from shell.term import Line, Span, Style, Suggestion
from shell.trace.choice import MARK, Choice, matcher
from shell.trace.ladder import ladder
from shell.trace.lines import SHORT
from shell.trace.printer import as_data
from shell.trace.record import Record
from shell.trace_data import encode_capture
from shell.trace_ports import Capture
from shell.trail import record

NEWEST = frozenset({"last", "latest", "newest"})
MOST_DRAWN = 2000
"""Records of one drawing; a call has some dozens."""
MOST_CALLS = 200


async def names(context: Context) -> list[Suggestion]:
    """For completion."""
    found = [Suggestion(one.name, one.choice.title) for one in await context.services.trace.captures()]
    return [*found, Suggestion("last", "the newest of them")] if found else []


async def show_traces(context: Context, _arguments: tuple[str, ...]) -> Reply:
    captures = await context.services.trace.captures()
    if not captures:
        return Reply(("There are no captures. trace begins one.",), [])
    now, zone = context.services.now(), context.services.zone
    # The name tells the start: on a screen there is room for one of them.
    dated = context.table_width is None
    rows: list[tuple[Cell, ...]] = [
        (
            Span(one.name, Style.KEY),
            *((moment(one.started, zone),) if dated else ()),
            duration(((one.ended or now) - one.started).total_seconds()),
            size_words(one.size),
            Span(state_words(one), Style.GOOD if one.ended is None else Style.PLAIN),
            one.choice.title,
        )
        for one in captures
    ]
    heading = ("Capture", *(("Started",) if dated else ()), "Lasted", "Size", "State", "Of")
    lines = table(rows, context.table_width, heading=heading, whole=True)
    return Reply(lines, [encode_capture(one) for one in captures])


async def show_trace(context: Context, arguments: tuple[str, ...]) -> Answer:
    capture = await find(context, arguments[0])
    choice = read_choice(arguments[1] if len(arguments) > 1 else "").choice
    return Listing(_blocks(context, capture, choice))


async def _blocks(context: Context, capture: Capture, choice: Choice) -> AsyncGenerator[Reply, None]:
    zone, fits = context.services.zone, matcher(choice)
    draw = context.services.printer.drawing(zone, whole=choice.sip or capture.choice.sip)
    yield Reply(_about(context, capture), [])
    found = 0
    async for records in context.services.trace.read(capture.name):
        chosen = sorted((one for one in records if fits(one)), key=lambda one: one.at)
        found += len(chosen)
        lines = tuple(line for one in chosen for line in draw(one))
        yield Reply(lines, [as_data(one) for one in chosen])
    if not found:
        yield Reply((f"No record of {choice.title} is in it.",), [])


def _about(context: Context, capture: Capture) -> tuple[Line, ...]:
    ended = capture.ended or context.services.now()
    took = duration((ended - capture.started).total_seconds())
    items = [
        ("Of", capture.choice.title),
        ("Begun", f"{moment(capture.started, context.services.zone)} by {capture.by}, {took}"),
        ("State", f"{state_words(capture)}; {size_words(capture.size)}"),
    ]
    if capture.lost:
        items.append(("Lost", f"{capture.lost} records came too fast"))
    return ((Span(capture.name, Style.TITLE),), *pairs(items, context.width), "")


async def draw_ladder(context: Context, arguments: tuple[str, ...]) -> Reply:
    capture = await find(context, arguments[0])
    wanted = arguments[1] if len(arguments) > 1 else ""
    calls = await _calls(context, capture, wanted)
    if not calls:
        what = f"call {wanted}" if wanted else "call"
        raise CommandError(f"no {what} is in {capture.name}", f"show trace {capture.name} shows what is")
    if len(calls) > 1:
        return _choose(context, capture, calls, wanted)
    zone, only = context.services.zone, calls[0].id
    records = [one async for one in _each(context, capture) if one.group == MARK or _key(one) == only]
    drawn = ladder(records[:MOST_DRAWN], context.width, zone=zone)
    return Reply(tuple(drawn), [as_data(one) for one in records])


@dataclass(slots=True)
class _Call:
    """One call of a capture. `known`: it is in the call records; others are only dialogs of SIP."""

    id: str
    began: float
    known: bool
    numbers: dict[str, None]
    messages: int = 0


async def _calls(context: Context, capture: Capture, wanted: str) -> list[_Call]:
    """Those whose id, or that of one of their dialogs, begins so. Without any word, dialogs that are of no
    call count only where there is no call."""
    calls: dict[str, _Call] = {}
    async for one in _each(context, capture):
        key, sip = _key(one), one.sip
        ids = (key, sip.call_id if sip is not None else "")
        if not key or not any(each.casefold().startswith(wanted.casefold()) for each in ids if each):
            continue
        if key not in calls and len(calls) >= MOST_CALLS:
            continue
        call = calls.setdefault(key, _Call(key, one.at, bool(one.call), {}))
        call.messages += sip is not None
        call.numbers.update(dict.fromkeys(one.numbers))
    known = [call for call in calls.values() if call.known]
    return known or [call for call in calls.values() if call.messages]


def _key(one: Record) -> str:
    return one.call or (one.sip.call_id if one.sip is not None else "")


async def _each(context: Context, capture: Capture) -> AsyncIterator[Record]:
    async for records in context.services.trace.read(capture.name):
        for one in records:
            yield one


def _choose(context: Context, capture: Capture, calls: list[_Call], wanted: str) -> Reply:
    zone = context.services.zone
    rows = [
        (
            Span(call.id[: SHORT * 2], Style.KEY),
            f"{datetime.fromtimestamp(call.began, zone):%H:%M:%S}",
            str(call.messages),
            ", ".join(call.numbers),
        )
        for call in calls
    ]
    which = f"{len(calls)} calls" + (f" begin with {wanted}" if wanted else f" are in {capture.name}")
    lines = (
        which + ".",
        *table(rows, context.table_width, heading=("Call", "Began", "Messages", "Numbers")),
        f"Say which: trace ladder {capture.name} CALL",
    )
    data = [{"call": one.id, "messages": one.messages, "numbers": list(one.numbers)} for one in calls]
    return Reply(lines, data)


async def delete(context: Context, arguments: tuple[str, ...]) -> Reply:
    capture = await find(context, arguments[0])
    _own(context, capture, "trace delete")
    await context.services.trace.delete(capture.name)
    await record(context.services.audit, context.actor, "trace", f"deleted {capture.name}")
    return Reply((f"{capture.name} is deleted.",), {"deleted": capture.name})


async def stop(context: Context, arguments: tuple[str, ...]) -> Reply:
    capture = await find(context, arguments[0])
    _own(context, capture, "trace stop")
    await context.services.trace.stop(capture.name, context.actor)
    await record(context.services.audit, context.actor, "trace", f"stopped {capture.name}")
    return Reply(
        (f"{capture.name} is stopped. show trace {capture.name} shows it.",), {"stopped": capture.name}
    )


def _own(context: Context, capture: Capture, what: str) -> None:
    """Support may undo only what it has begun."""
    if not context.may_change and capture.by != context.actor.user:
        raise CommandError(
            f"{what}: {capture.name} is of {capture.by}", "your role may do this to your own only"
        )


async def find(context: Context, given: str) -> Capture:
    """By its name, a part of it that no other has, or `last`. Raises CommandError."""
    captures = await context.services.trace.captures()
    if not captures:
        raise CommandError("there are no captures", "trace begins one")
    if given.casefold() in NEWEST:
        return captures[0]
    exact = [one for one in captures if one.name == given]
    close = exact or [one for one in captures if given and given in one.name]
    if len(close) == 1:
        return close[0]
    if close:
        some = ", ".join(one.name for one in close[:5])
        raise CommandError(f"{given[:40]!r} can mean {len(close)} captures", f"such as {some}")
    raise CommandError(
        f"there is no capture {given[:40]!r}", f"show traces lists them; the newest is {captures[0].name}"
    )

"""Set Date/Time as commands: show, set, zone, synchronisation, and a question to the time server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from shell import wall
from shell.clock_data import encode, encode_check
from shell.clock_ports import ClockState, ServerCheck
from shell.layout import Cell, ago, pairs
from shell.pages import clock_words as words
from shell.registry import Answer, Ask, Context
from shell.reply import CommandError, Reply
from shell.term import Line, Span, Style
from shell.trail import record
from shell.zones import find_zone

LARGE = timedelta(minutes=5)
"""A step that is larger has to be confirmed."""
SYNTAX = "clock set YYYY-MM-DD HH:MM[:SS] [first|second] [force]"
RUNS = "the time is kept by synchronisation, which would undo it"


async def show_clock(context: Context, _arguments: tuple[str, ...]) -> Reply:
    state = await context.services.clock.state()
    return Reply(details(context, state), encode(state))


def details(context: Context, state: ClockState) -> tuple[Line, ...]:
    items: list[tuple[str, Cell]] = [
        ("Time", Span(words.full(state.now), Style.TITLE)),
        ("Zone", state.zone),
        ("Synchronised", words.sync(state)),
        ("Time server", words.server(state)),
    ]
    if state.check:
        when = ago(state.check.at, context.services.now())
        style = Style.BAD if state.check.problem else Style.PLAIN
        items.append(("Asked", Span(f"{when}: {words.checked(state.check)}", style)))
    if state.refusal:
        items.extend((("To set it", f"{state.refusal}:"), ("", state.way_out)))
    return pairs(items, context.width)


async def set_clock(context: Context, arguments: tuple[str, ...]) -> Answer:
    """The questions come one after the other: which of two hours, what instead of a missing one, so far?"""
    pick, force = _words(arguments[2] if len(arguments) > 2 else "")
    try:
        local = wall.read(arguments[0], arguments[1])
    except wall.WallTimeError as exc:
        raise CommandError(f"clock set: {exc}", f"right is {wall.EXPECTED}") from exc
    state = await context.services.clock.state()
    if state.refusal:
        raise CommandError(state.refusal, state.way_out)
    if state.sync:
        raise CommandError(RUNS, "clock sync off first, then set the time")
    zone = state.now.tzinfo  # what is typed is meant as what is shown
    go_on = partial(_set_if_confirmed, context, force=force)
    match wall.meaning(local, zone if isinstance(zone, ZoneInfo) else context.services.zone):
        case wall.Once(at):
            return await go_on(at)
        case wall.Twice(first, second) if pick:
            return await go_on(first if pick == "first" else second)
        case wall.Twice() if force:
            raise CommandError(
                f"clock set: {local:%H:%M} comes twice on {local:%Y-%m-%d}", f"say which: {SYNTAX}"
            )
        case wall.Twice(first, second):
            return Ask(
                (f"{local:%H:%M} comes twice on {local:%Y-%m-%d}: clocks go back over it.",),
                f"The first ({first:%Z}) or the second ({second:%Z})? ",
                {"first": partial(go_on, first), "second": partial(go_on, second)},
                f"clock set {local:%Y-%m-%d %H:%M:%S} first force, or second force",
            )
        case wall.Never(instead) if force:
            return await go_on(instead)
        case wall.Never(instead):
            return Ask(
                (f"{local:%H:%M} does not exist on {local:%Y-%m-%d}: clocks go forward over it.",),
                f"Set {instead:%H:%M:%S %Z} instead? (yes/no) ",
                {"yes": partial(go_on, instead)},
                f"clock set {local:%Y-%m-%d %H:%M:%S} force",
            )


async def _set_if_confirmed(context: Context, at: datetime, *, force: bool) -> Answer:
    now = (await context.services.clock.state()).now
    if force or abs(_between(now, at)) <= LARGE:
        return await _set(context, at)
    return Ask(
        (
            f"From  {words.full(now)}",
            f"To    {words.full(at)}",
        ),
        f"Set the clock {wall.step_words(_between(now, at))}? (yes/no) ",
        {"yes": partial(_set, context, at)},
        f"clock set {at:%Y-%m-%d %H:%M:%S}{' second' if at.fold else ''} force",
    )


async def _set(context: Context, at: datetime) -> Reply:
    services = context.services
    before = (await services.clock.state()).now
    await services.clock.set_time(at)
    step = wall.step_words(_between(before, at))
    await _note(context, f"set from {words.full(before)} to {words.full(at)} ({step})")
    lines: tuple[Line, ...] = (
        (Span("The time is now "), Span(words.full(at), Style.GOOD), Span(".")),
        *pairs([("Before", words.full(before)), ("Moved", step)], context.width),
        "  Planned restarts were made anew; calls go on, and their durations are not touched.",
    )
    return Reply(lines, {"before": before.isoformat(), "now": at.isoformat()})


def _between(before: datetime, after: datetime) -> timedelta:
    # Two times of one zone are subtracted as they read, summer time and all.
    return after.astimezone(UTC) - before.astimezone(UTC)


async def set_zone(context: Context, arguments: tuple[str, ...]) -> Reply:
    name = find_zone(arguments[0])
    clock = context.services.clock
    before = await _settable(context)
    if before.zone == name:
        return Reply((f"The zone is {name} already; nothing was changed.",), encode(before))
    await clock.set_zone(name)
    await _note(context, f"zone from {before.zone} to {name}")
    state = await clock.state()
    lines: tuple[Line, ...] = (
        (Span("The zone is now "), Span(state.zone, Style.GOOD), Span(f"; it is {words.full(state.now)}.")),
        *pairs([("Before", before.zone), ("Take back", f"clock zone {before.zone}")], context.width),
    )
    return Reply(lines, encode(state))


async def set_sync(context: Context, arguments: tuple[str, ...]) -> Reply:
    wanted = arguments[0].casefold()
    if wanted not in ("on", "off"):
        raise CommandError(f"clock sync: {arguments[0][:40]!r} was not understood", "right is on or off")
    before = await _settable(context)
    if before.sync is (wanted == "on"):
        return Reply((f"Synchronisation is {wanted} already; nothing was changed.",), encode(before))
    await context.services.clock.set_sync(wanted == "on")
    await _note(context, f"synchronisation {wanted}")
    state = await context.services.clock.state()
    then = f"The time server is {state.server}." if state.server else "gTimeServer is blank: set it."
    said = then if wanted == "on" else "The time can be set by hand now: clock set."
    return Reply((f"Synchronisation is {wanted} now. {said}",), encode(state))


async def check_server(context: Context, _arguments: tuple[str, ...]) -> Reply:
    state = await context.services.clock.state()
    if not state.server:
        raise CommandError("there is no time server to ask", "set gTimeServer NAME")
    check = await context.services.clock.check(state.server)
    return Reply((answer_line(check),), encode_check(check))


def answer_line(check: ServerCheck) -> Line:
    style = Style.BAD if check.problem else Style.GOOD
    return (Span(f"{check.server}: "), Span(words.checked(check), style))


async def _settable(context: Context) -> ClockState:
    state = await context.services.clock.state()
    if state.refusal:
        raise CommandError(state.refusal, state.way_out)
    return state


async def _note(context: Context, detail: str) -> None:
    await record(context.services.audit, context.actor, "clock", detail)


def _words(text: str) -> tuple[str, bool]:
    """What comes after the time: which of two hours, and whether questions are answered already."""
    given = text.casefold().split()
    picks = [word for word in given if word in ("first", "second")]
    unknown = [word for word in given if word not in ("first", "second", "force")]
    if unknown or len(picks) > 1:
        raise CommandError(f"clock set: {text[:60]!r} was not understood", f"right is {SYNTAX}")
    return (picks[0] if picks else ""), "force" in given

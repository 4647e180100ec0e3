"""What is to be seen of a variable's effect just now, for the pages that show it or have changed it."""

from __future__ import annotations

from db.variables.states import Change
from shell.clock_data import decode
from shell.clock_ports import ClockRefusedError, ClockState
from shell.layout import Cell
from shell.pages import clock_words
from shell.ports import Status, SystemUnavailableError
from shell.registry import Context
from shell.term import Span, Style

TIME_SERVER = "gTimeServer"
Items = tuple[tuple[str, Cell], ...]


async def now(context: Context, name: str) -> Items:
    """Whether the value is on trial; and what it does, which is empty for variables whose effect cannot be
    seen from here, and while the supervisor does not answer."""
    return (*await _trials(context, name), *await _effect(context, name))


async def _trials(context: Context, name: str) -> Items:
    zone = context.services.zone
    found = [each for each in await context.services.variables.waiting() if each.change.name == name]
    ends = [(each.change.id, each.until.astimezone(zone)) for each in found]
    return tuple(
        ("On trial", Span(f"confirm {number}, else it is undone at {until:%H:%M:%S}", Style.BAD))
        for number, until in ends
    )


async def _effect(context: Context, name: str) -> Items:
    if name != TIME_SERVER:
        return ()
    try:
        known = clock(await context.services.system.status())
    except SystemUnavailableError:
        return ()
    if known is None:
        return ()
    asked = (("Asked", clock_words.checked(known.check)),) if known.check else ()
    return (("Used", clock_words.server(known)), ("In step", clock_words.sync(known)), *asked)


async def after(context: Context, change: Change) -> Items:
    """A new time server is asked once; one that does not answer is a warning, and stays."""
    if change.name != TIME_SERVER or not change.changed or not change.new:
        return ()
    try:
        check = await context.services.clock.check(change.new)
    except (SystemUnavailableError, ClockRefusedError) as exc:
        return (("Asked", Span(f"not yet: {exc}", Style.BAD)),)
    if check.problem:
        return (("Warning", Span(f"{clock_words.checked(check)}; it is kept all the same", Style.BAD)),)
    return (("Asked", clock_words.checked(check)),)


def clock(status: Status) -> ClockState | None:
    return decode(status.get("clock"))

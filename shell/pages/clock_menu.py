"""Set Date/Time as a page with numbers. Every change is made by the command that makes it elsewhere."""

from __future__ import annotations

from shell.clock_ports import ClockRefusedError, ClockState
from shell.obey import obey, sized
from shell.pager import page
from shell.pages import clock
from shell.ports import SystemUnavailableError
from shell.registry import Context
from shell.reply import failure_lines
from shell.screen import BACK, HEADING_ROWS, choice, heading, pause
from shell.term import Span, Style, Term

TITLE = "Set Date/Time"


async def open_clock(context: Context, term: Term) -> None:
    """Until the user goes back. Only what can be done here is offered."""
    while True:
        await heading(context, term, TITLE)
        try:
            state = await context.services.clock.state()
        except (ClockRefusedError, SystemUnavailableError) as exc:
            await term.show(*failure_lines(f"the clock cannot be looked at: {exc}", ""))
            await pause(term)
            return
        await page(term, clock.details(sized(context, term), state), above=HEADING_ROWS)
        actions = _actions(context, state)
        rows = [*enumerate((title for title, _ in actions), start=1), (0, "Back")]
        await term.show("", *((Span(f"  {number}", Style.KEY), Span(f"  {title}")) for number, title in rows))
        answer = await choice(term, "Number, 0 to go back: ")
        if answer in BACK:
            return
        await _act(context, term, actions, answer)
        await pause(term)


def _actions(context: Context, state: ClockState) -> list[tuple[str, str]]:
    """Titles and commands; one that ends in a blank asks for the rest."""
    found: list[tuple[str, str]] = []
    if context.may_change and not state.refusal:
        found.append(("Set date and time", "clock set "))
        found.append(("Set the zone", "clock zone "))
        wanted = "off" if state.sync else "on"
        found.append((f"Switch synchronisation {wanted}", f"clock sync {wanted}"))
    if state.server:
        found.append(("Ask the time server now", "clock check"))
    return found


_QUESTIONS = {
    "clock set ": "Date and time (YYYY-MM-DD HH:MM[:SS], Enter to keep it): ",
    "clock zone ": "Zone (such as Europe/Zurich, Enter to keep it): ",
}


async def _act(context: Context, term: Term, actions: list[tuple[str, str]], answer: str) -> None:
    if not (answer.isdecimal() and 1 <= int(answer[:4]) <= len(actions)):
        await term.show(*failure_lines(f"{answer!r} is not one of the numbers", ""))
        return
    command = actions[int(answer[:4]) - 1][1]
    if command in _QUESTIONS:
        rest = await choice(term, _QUESTIONS[command])
        if not rest:
            return
        command += rest
    await obey(context, term, command)

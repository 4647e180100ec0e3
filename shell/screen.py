"""What all pages of the menu have: the header line with the state of the machine, and questions."""

from __future__ import annotations

from shell.health import facts, problems
from shell.layout import cut
from shell.ports import Services, SystemUnavailableError
from shell.registry import Context
from shell.term import Interrupted, Line, LineTooLongError, Span, Style, Term, width

BACK = frozenset({"", "0", "q", "Q", "quit", "exit", "back"})


HEADING_ROWS = 2


async def heading(context: Context, term: Term, title: str = "") -> None:
    """A new screen with the header line, which names the page."""
    left, state = await _state(context.services)
    await term.clear()
    await term.show(bar(f"{left} · {title}" if title else left, state, columns=term.columns), "")


async def choice(term: Term, prompt: str) -> str:
    """What was typed; Ctrl-C goes back as Enter does."""
    try:
        return (await term.ask(prompt)).strip()
    except (Interrupted, LineTooLongError):
        return ""


async def pause(term: Term) -> None:
    """Where the next page would wipe this one off the screen, wait for Enter."""
    if term.rich:
        await choice(term, "Enter to go on: ")


def bar(left: str, state: str, *, columns: int) -> Line:
    """`Callisto 0.1.0 · UCM · host` on the left, `OK` or the first problem on the right."""
    columns = min(columns, 200)
    state = cut(state, max(10, columns - 30))
    left = cut(left, max(10, columns - width(state) - 4))
    gap = max(1, columns - width(left) - width(state) - 2)
    return (Span(f" {left}{' ' * gap}", Style.BAR), Span(f"{state} ", Style.BAR))


async def _state(services: Services) -> tuple[str, str]:
    try:
        status = await services.system.status()
    except SystemUnavailableError:
        return f"Callisto {services.version}".strip(), "the supervisor does not answer"
    found = facts(status)
    parts = [f"Callisto {found.version}".strip(), found.edition, found.hostname]
    wrong = problems(status)
    return " · ".join(part for part in parts if part), "; ".join(wrong) or "OK"

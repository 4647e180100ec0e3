"""Sessions as a page with numbers; what it does is done by the commands."""

from __future__ import annotations

from shell.obey import obey, sized
from shell.pager import page
from shell.pages import sessions
from shell.registry import Context
from shell.reply import failure_lines
from shell.screen import BACK, HEADING_ROWS, choice, heading, pause
from shell.term import Span, Style, Term

TITLE = "Sessions"


async def open_sessions(context: Context, term: Term) -> None:
    """Until the user goes back."""
    while True:
        await heading(context, term, TITLE)
        states = context.people.all()
        await page(term, sessions.listing(sized(context, term), states), above=HEADING_ROWS)
        titles = ["Send a message", *(["Disconnect a session"] if context.may_change else []), "Look again"]
        rows = [*enumerate(titles, start=1), (0, "Back")]
        await term.show("", *((Span(f"  {number}", Style.KEY), Span(f"  {title}")) for number, title in rows))
        answer = await choice(term, "Number, 0 to go back: ")
        if answer in BACK:
            return
        if not (answer.isdecimal() and 1 <= int(answer[:4]) <= len(titles)):
            await term.show(*failure_lines(f"{answer!r} is not one of the numbers", ""))
            await pause(term)
        elif command := await _command(term, titles[int(answer[:4]) - 1]):
            await obey(context, term, command)
            await pause(term)


async def _command(term: Term, title: str) -> str:
    """The command line; empty when there is nothing to do."""
    match title:
        case "Send a message":
            whom = await choice(term, "To which session, or all (Enter for nobody): ")
            text = await choice(term, "Message: ") if whom else ""
            return f"message {whom} {text}" if text else ""
        case "Disconnect a session":
            whom = await choice(term, "Which session (Enter for none): ")
            reason = await choice(term, "Reason, for him and the audit trail: ") if whom else ""
            return f"disconnect {whom} {reason}" if whom else ""
        case _:
            return ""

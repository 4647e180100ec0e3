"""One session after the login: prompt, command, answer, until the user leaves. Knows no Telnet."""

from __future__ import annotations

from functools import partial

from shell import menu
from shell.completion import suggest
from shell.help import at_cursor
from shell.obey import obey
from shell.registry import Context, Leave, OpenMenu
from shell.reply import failure_lines
from shell.term import EndOfInput, Interrupted, LineTooLongError, Question, Term

PROMPT = "callisto# "


async def converse(context: Context, term: Term, *, script: bool = False) -> None:
    """Returns when the user has left, by command or by Ctrl-D; a line that is gone is the same."""
    try:
        if not script:
            await menu.show(context, term)
        start = ""
        while True:
            try:
                line = await term.ask(
                    PROMPT, suggest=partial(suggest, context.commands), remember=True, start=start
                )
                start = ""
                if await _follow(context, term, line.strip()):
                    return
            except Interrupted:
                start = ""
            except LineTooLongError as exc:
                message = f"the line has more than {exc.args[0]} characters; nothing was done"
                await term.show(*failure_lines(message, ""))
            except Question as question:
                await term.show(*at_cursor(context.commands, question.text, term.columns))
                start = question.text
    except EndOfInput:
        return


async def _follow(context: Context, term: Term, line: str) -> bool:
    """True when the user wants to leave."""
    if not line:
        return False
    answer = await (menu.choose(context, term, line) if line.isdecimal() else obey(context, term, line))
    if isinstance(answer, OpenMenu):
        await menu.show(context, term)
    return isinstance(answer, Leave)

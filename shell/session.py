"""One session after the login: prompt, command, answer, until the user leaves. Knows no Telnet."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from db.errors import StoreError
from shell import menu
from shell.completion import suggest
from shell.obey import obey, sized
from shell.pager import page
from shell.pages import changes, updates
from shell.pages.cursor import help_at
from shell.registry import Context, Leave, OpenMenu
from shell.reply import failure_lines
from shell.term import EndOfInput, Interrupted, Line, LineTooLongError, Question, Suggestion, Term
from shell.vocabulary import Vocabulary

PROMPT = "callisto# "


async def converse(
    context: Context, term: Term, *, script: bool = False, greeting: Sequence[Line] = ()
) -> None:
    """Returns when the user has left, by command or by Ctrl-D; a line that is gone is the same. `greeting` is
    shown below the menu."""
    context = replace(context, script=script)
    vocabulary = Vocabulary(context)
    try:
        if not script:
            await menu.show(context, term)
            if greeting:
                await term.show(*greeting, "")
            await _notify(context, term)
        await _prompts(context, term, vocabulary)
    except EndOfInput:
        return
    finally:
        await vocabulary.close()


async def _prompts(context: Context, term: Term, vocabulary: Vocabulary) -> None:
    def offered(typed: str) -> Sequence[Suggestion]:
        return suggest(context.commands, typed, vocabulary.known)

    start = ""
    while True:
        if not context.script:
            vocabulary.refresh()
        try:
            line = await term.ask(PROMPT, suggest=offered, remember=True, start=start)
            start = ""
            if await _follow(context, term, line.strip()):
                return
        except Interrupted:
            start = ""
        except LineTooLongError as exc:
            message = f"the line has more than {exc.args[0]} characters; nothing was done"
            await term.show(*failure_lines(message, ""))
        except Question as question:
            await page(term, await help_at(context, question.text, term.columns, vocabulary.known))
            start = question.text


async def _notify(context: Context, term: Term) -> None:
    """A script gets only what it asks for."""
    lines = [*await updates.notices(sized(context, term))]
    with suppress(StoreError):
        lines += await changes.notices(context)
    if lines:
        await term.show(*lines)


async def _follow(context: Context, term: Term, line: str) -> bool:
    """True when the user wants to leave."""
    if not line:
        return False
    answer = await (menu.choose(context, term, line) if line.isdecimal() else obey(context, term, line))
    if isinstance(answer, OpenMenu):
        await menu.show(context, term)
    return isinstance(answer, Leave)

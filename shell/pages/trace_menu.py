"""Trace as a page with numbers. Everything is done by the command that does it elsewhere."""

from __future__ import annotations

from shell.layout import duration, table
from shell.obey import obey
from shell.pages.trace_words import size_words, state_words
from shell.ports import SystemUnavailableError
from shell.registry import Context
from shell.reply import failure_lines
from shell.screen import BACK, choice, heading, pause
from shell.term import Line, Span, Style, Term
from shell.trace.choice import quoted
from shell.trace_ports import Capture, TraceRefusedError

TITLE = "Trace"
SHOWN = 20
"""Captures on one page; the commands know all of them."""

_ACTIONS: tuple[tuple[str, str, str], ...] = (
    ("Everything, live", "trace", ""),
    ("One number, live", "trace number ", "Number (Enter to keep out): "),
    ("One call, live", "trace call ", "Call, its id or the beginning (Enter to keep out): "),
    ("Warnings and errors, live", "trace level warning", ""),
    ("SIP messages, live", "trace sip", ""),
    ("Your own choice, live", "trace ", "What (process, level, call, number, group, text, sip, last 60s): "),
    ("What the processes do", "trace processes", ""),
    ("Captures", "", ""),
)
_OF_CAPTURE: tuple[tuple[str, str], ...] = (
    ("Show", "show trace {}"),
    ("Draw a call", "trace ladder {}"),
    ("Stop", "trace stop {}"),
    ("Delete", "trace delete {}"),
)


async def open_trace(context: Context, term: Term) -> None:
    """Until the user goes back."""
    try:
        await _actions(context, term)
    except (TraceRefusedError, SystemUnavailableError) as exc:
        await term.show(*failure_lines(f"the trace is not to be had: {exc}", ""))
        await pause(term)


async def _actions(context: Context, term: Term) -> None:
    while True:
        await heading(context, term, TITLE)
        await term.show(*await _state(context), "", *_numbered([title for title, _, _ in _ACTIONS]))
        chosen = await _picked(term, "Number, 0 to go back: ", len(_ACTIONS))
        if chosen is None:
            return
        _, command, question = _ACTIONS[chosen]
        if not command:
            await _open_captures(context, term)
            continue
        if question:
            rest = await choice(term, question)
            if not rest:
                continue
            command += rest if command == "trace " else quoted(rest)
        await obey(context, term, command)
        await pause(term)


async def _open_captures(context: Context, term: Term) -> None:
    while True:
        await heading(context, term, "Captures")
        captures = list(await context.services.trace.captures())[:SHOWN]
        if not captures:
            await term.show("There are no captures: a trace makes one.", "")
            await pause(term)
            return
        await term.show(*_list(captures, term.columns), "")
        chosen = await _picked(term, "Number of a capture, 0 to go back: ", len(captures))
        if chosen is None:
            return
        await _open_capture(context, term, captures[chosen])


async def _open_capture(context: Context, term: Term, capture: Capture) -> None:
    await term.show("", (Span(capture.name, Style.TITLE),), *_numbered([title for title, _ in _OF_CAPTURE]))
    chosen = await _picked(term, "Number, 0 to go back: ", len(_OF_CAPTURE))
    if chosen is None:
        return
    command = _OF_CAPTURE[chosen][1].format(capture.name)
    if command.startswith("trace ladder"):
        call = await choice(term, "Call, its id or the beginning (Enter for the only one): ")
        command = f"{command} {call}".rstrip()
    await obey(context, term, command)
    await pause(term)


async def _state(context: Context) -> tuple[Line, ...]:
    """Who looks just now, and what is kept."""
    watchers = await context.services.trace.watchers()
    captures = await context.services.trace.captures()
    now = context.services.now()
    looking = ", ".join(f"{one.user} at {one.choice.title}" for one in watchers[:5]) or "nobody"
    running = sum(capture.ended is None for capture in captures)
    newest = f", the newest {duration((now - captures[0].started).total_seconds())} ago" if captures else ""
    return (f"Looking now: {looking}.", f"Captures: {len(captures)}, {running} running{newest}.")


def _list(captures: list[Capture], columns: int) -> tuple[Line, ...]:
    rows = [
        (Span(f"  {number}", Style.KEY), one.name, size_words(one.size), state_words(one), one.choice.title)
        for number, one in enumerate(captures, start=1)
    ]
    return table(rows, columns)


def _numbered(titles: list[str]) -> tuple[Line, ...]:
    rows = [*enumerate(titles, start=1), (0, "Back")]
    return (*((Span(f"  {number}", Style.KEY), Span(f"  {title}")) for number, title in rows), "")


async def _picked(term: Term, question: str, count: int) -> int | None:
    """The place of what is chosen by its number, None to go back. What is neither is said and asked again."""
    while (answer := await choice(term, question)) not in BACK:
        if answer.isdecimal() and len(answer) <= 4 and 1 <= int(answer) <= count:
            return int(answer) - 1
        await term.show(*failure_lines(f"{answer!r} is not one of the numbers", ""))
    return None

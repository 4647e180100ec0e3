"""Doing what one command line says: audit, role, answer or error. For the prompt and for the menu."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from db.errors import StoreError
from shell.backup_ports import BackupRefusedError
from shell.clock_ports import ClockRefusedError
from shell.compact_ports import CompactRefusedError
from shell.layout import folded
from shell.listing import show_listing
from shell.pager import page
from shell.pages.cursor import help_at
from shell.pipes import through, wants_json
from shell.ports import SystemUnavailableError
from shell.registry import Answer, Ask, Context, Listing, Live, Request, noted, parse
from shell.repair_ports import RepairRefusedError
from shell.reply import CommandError, Reply, as_json, failure_lines
from shell.restore_ports import RestoreRefusedError
from shell.sessions_ports import SessionRefusedError
from shell.support_ports import SupportRefusedError
from shell.term import EndOfInput, Interrupted, Line, LineTooLongError, Term
from shell.trace_ports import TraceRefusedError
from shell.trail import record
from shell.update_ports import UpdateRefusedError
from shell.vocabulary import Vocabulary

log = logging.getLogger(__name__)

WIDEST = 100
REFUSALS = (
    CommandError,
    StoreError,
    BackupRefusedError,
    ClockRefusedError,
    CompactRefusedError,
    RepairRefusedError,
    RestoreRefusedError,
    SessionRefusedError,
    SupportRefusedError,
    TraceRefusedError,
    UpdateRefusedError,
)
"""Each with a message and a hint for whoever gave the command."""


async def obey(context: Context, term: Term, line: str, *, above: int = 0) -> Answer | None:
    """What the command answered, after it was shown; None after an error was shown, or help."""
    text = line.strip()
    kept = noted(context.commands, text)
    await record(context.services.audit, context.actor, "command", kept)
    with context.own.doing(kept):
        return await _obey(context, term, text, above)


async def _obey(context: Context, term: Term, text: str, above: int) -> Answer | None:
    if text.endswith("?"):
        vocabulary = Vocabulary(context)
        await vocabulary.ask()
        await page(term, await help_at(context, text.removesuffix("?"), term.columns, vocabulary.known))
        return None
    request, answer, lines = await _answer(sized(context, term), text)
    while isinstance(answer, Ask | Live):
        if isinstance(answer, Live):
            pipes = request.pipes if request else ()
            answer, lines = await _do(partial(answer.run, term, pipes), text, request)
        elif context.script:
            lines, answer = _unasked(answer, text), None
        else:
            answer, lines = await _decided(context, term, answer)
    if isinstance(answer, Listing):
        show = partial(show_listing, term, answer.blocks, request.pipes if request else (), above=above)
        _, lines = await _do(show, text, request)
    as_data = request.json if request else wants_json(text)
    await page(term, folded(lines, term.columns) if term.rich and not as_data else lines, above=above)
    return answer


def sized(context: Context, term: Term) -> Context:
    """With the screen as wide as it is now. Programs get their tables uncut."""
    return dataclasses.replace(
        context, width=max(40, min(term.columns, WIDEST)), table_width=term.columns if term.rich else None
    )


async def _answer(context: Context, text: str) -> tuple[Request | None, Answer | None, tuple[Line, ...]]:
    request: Request | None = None
    try:
        request = parse(context.commands, text)
        if request.command.changes and not context.may_change:
            await record(context.services.audit, context.actor, "refused", request.command.name)
            raise _not_permitted(context, request.command.name)
    except CommandError as exc:
        if request is None and wants_json(text):
            return None, None, as_json({"error": exc.message, "hint": exc.hint})
        return request, None, _failed(request, exc.message, exc.hint)
    run = partial(request.command.run, context, request.arguments)
    return request, *await _do(run, text, request)


def _unasked(ask: Ask, text: str) -> tuple[Line, ...]:
    """A script is not asked: it would wait for ever, or its next command would be the answer."""
    instead = ask.instead or f"{text} force"
    return (*ask.lines, *failure_lines("this asks first, and a script is not asked", f"instead: {instead}"))


async def _decided(context: Context, term: Term, ask: Ask) -> tuple[Answer | None, tuple[Line, ...]]:
    """What follows from the user's answer, which may be the beginning of a word. Ctrl-C is a no."""
    await term.show(*ask.lines)
    try:
        said = (await term.ask(ask.prompt)).strip().casefold()
    except (Interrupted, LineTooLongError):
        said = ""
    chosen = [word for word in ask.choices if said and word.startswith(said)]
    await record(context.services.audit, context.actor, "answer", chosen[0] if len(chosen) == 1 else "no")
    if len(chosen) == 1:
        return await _do(ask.choices[chosen[0]], chosen[0], None)
    if said and not "no".startswith(said):
        options = " or ".join(ask.choices)
        return None, failure_lines(f"{said[:40]!r} is not {options}; nothing was changed", "")
    return None, ("Nothing was changed.",)


async def _do(
    work: Callable[[], Awaitable[Answer | None]], text: str, request: Request | None
) -> tuple[Answer | None, tuple[Line, ...]]:
    try:
        answer = await work()
    except (EndOfInput, Interrupted):
        raise
    except REFUSALS as exc:
        return None, _failed(request, exc.message, exc.hint)
    except SystemUnavailableError as exc:
        hint = "system variables can be listed and set all the same"
        return None, _failed(request, f"the supervisor does not answer: {exc}", hint)
    except Exception as exc:
        # A fault of ours must not take the way in from the one who could repair it.
        log.exception("the command %r failed", text)
        return None, _failed(
            request, f"{type(exc).__name__}: this should not have happened", "the log says more"
        )
    if not isinstance(answer, Reply):
        return answer, ()
    if request is None:
        return answer, answer.lines
    return answer, through(answer, request.pipes)


def _not_permitted(context: Context, what: str) -> CommandError:
    role = "support" if "support" in context.account.roles else ", ".join(sorted(context.account.roles))
    return CommandError(f"{what}: your role ({role}) may read but not change")


def _failed(request: Request | None, message: str, hint: str) -> tuple[Line, ...]:
    if request is not None and request.json:
        return as_json({"error": message, "hint": hint})
    return failure_lines(message, hint)

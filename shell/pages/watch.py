"""A show command again and again, until its user has seen enough."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from db.errors import StoreError
from shell.obey import sized
from shell.pipes import Pipe, through
from shell.ports import SystemUnavailableError
from shell.registry import Answer, Context, Live, Request, parse
from shell.reply import CommandError, Reply, failure_lines
from shell.screen import bar
from shell.term import Interrupted, Line, Term

SHORTEST_S, LONGEST_S = 1, 3600
BY_DEFAULT_S = 2
AT_MOST_S = 4 * 3600.0
"""Nobody looks at it longer than that; what is forgotten costs the store nothing then."""
SYNTAX = "watch [SECONDS] COMMAND"


@dataclass(frozen=True, slots=True)
class Watched:
    """`request`: what `line` asks for, every `seconds`."""

    seconds: int
    line: str
    request: Request


def understood(context: Context, text: str) -> Watched:
    """Raises CommandError."""
    first, _, rest = text.strip().partition(" ")
    timed = first.isascii() and first.isdecimal()
    seconds, line = (int(first[:9]), rest.strip()) if timed else (BY_DEFAULT_S, text.strip())
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise CommandError(
            f"watch: not every {seconds} s", f"right is from {SHORTEST_S} to {LONGEST_S} seconds"
        )
    if not line:
        raise CommandError("watch: the command is missing", f"right is {SYNTAX}, such as watch 5 show calls")
    request = parse(context.commands, line)
    if request.command.words[0] != "show":
        raise CommandError(f"{request.command.name} is not watched", "right is a show command")
    return Watched(seconds, line, request)


async def watch(context: Context, arguments: tuple[str, ...]) -> Answer:
    watched = understood(context, arguments[0] if arguments else "")

    async def run(term: Term, _pipes: tuple[Pipe, ...]) -> Answer | None:
        with context.own.kept_alive(AT_MOST_S):
            return await _again_and_again(context, term, watched)

    return Live(run)


async def _again_and_again(context: Context, term: Term, watched: Watched) -> Answer | None:
    end = context.services.monotonic() + AT_MOST_S
    ended = asyncio.create_task(_ended(term), name=f"key that ends {watched.line[:40]}")
    try:
        await term.clear()
        while context.services.monotonic() < end:
            await term.redraw(*_framed(context, term, watched, await _once(sized(context, term), watched)))
            await asyncio.wait({ended}, timeout=watched.seconds)
            if ended.done():
                await ended
                return None
        return Reply((f"% Watched for {AT_MOST_S / 3600:.0f} h: ended.",))
    finally:
        ended.cancel()
        await asyncio.wait({ended})


async def _ended(term: Term) -> None:
    """By any key, or on a line terminal by Enter; by Ctrl-C on both."""
    try:
        await term.meanwhile()
    except Interrupted:
        return


async def _once(context: Context, watched: Watched) -> tuple[Line, ...]:
    """What cannot be shown now may be the next time."""
    try:
        answer = await watched.request.command.run(context, watched.request.arguments)
    except (CommandError, StoreError) as exc:
        return failure_lines(exc.message, exc.hint)
    except SystemUnavailableError as exc:
        return failure_lines(f"the supervisor does not answer: {exc}", "")
    if not isinstance(answer, Reply):
        raise CommandError(f"{watched.request.command.name} is too long to be watched")
    return through(answer, watched.request.pipes)


def _framed(context: Context, term: Term, watched: Watched, lines: tuple[Line, ...]) -> tuple[Line, ...]:
    now = f"{context.services.now().astimezone(context.services.zone):%Y-%m-%d %H:%M:%S}"
    if not term.rich:
        return (f"-- {now}", *lines)
    head = bar(f"every {watched.seconds} s: {watched.line}", f"{now}, any key ends", columns=term.columns)
    room = max(1, term.rows - 3)
    more = [f"... {len(lines) - room} lines more"] if len(lines) > room else []
    return (head, *lines[:room], *more)

"""A long answer on the terminal, filtered and a screen at a time, made only as far as it is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import aclosing, suppress
from typing import Any

from shell.pager import Pager
from shell.pipes import Pipe, through
from shell.reply import Reply
from shell.term import Line, Term, plain

STOPPED = "% Stopped: there is more."


async def show_listing(
    term: Term, blocks: AsyncGenerator[Reply, None], pipes: tuple[Pipe, ...], *, above: int = 0
) -> None:
    """Until the end, or until its reader has seen enough. On a line terminal Ctrl-C stops it."""
    pager = Pager(term, above=above)

    async def work() -> None:
        async with aclosing(blocks):
            async for lines in filtered(blocks, pipes):
                if not await pager.show(lines):
                    return

    if term.rich:
        await work()
    elif await interrupted(term, work()):
        await term.show(STOPPED)


async def interrupted(term: Term, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work until Ctrl-C; True when that came first. What else is typed stays for what comes after."""
    doing = asyncio.create_task(work, name="a long answer")
    listening = asyncio.create_task(term.interrupted(), name="Ctrl-C")
    try:
        await asyncio.wait({doing, listening}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            await doing
            return False
        return True
    finally:
        for task in (doing, listening):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


async def filtered(blocks: AsyncIterator[Reply], pipes: tuple[Pipe, ...]) -> AsyncIterator[Sequence[Line]]:
    """The lines that are left of each block, as `through` leaves them of an answer that is there at once."""
    if pipes and pipes[0].word == "json":
        async for elements in _as_list(blocks):
            yield elements
        return
    counting = bool(pipes) and pipes[-1].word == "count"
    begun: set[int] = set()
    count = 0
    async for block in blocks:
        lines: Sequence[Line] = block.lines
        for place, pipe in enumerate(pipes):
            if pipe.word == "count" or (pipe.word == "begin" and place in begun):
                continue
            lines = through(Reply(tuple(lines)), (pipe,))
            if pipe.word == "begin" and lines:
                begun.add(place)
        count += _counted(block, lines, pipes)
        if lines and not counting:
            yield lines
    if counting:
        yield (str(count),)


def _counted(block: Reply, lines: Sequence[Line], pipes: tuple[Pipe, ...]) -> int:
    if len(pipes) == 1 and isinstance(block.data, list):
        return len(block.data)
    return sum(bool(plain(line).strip()) for line in lines)


async def _as_list(blocks: AsyncIterator[Reply]) -> AsyncIterator[Sequence[Line]]:
    """One JSON list, an element a line."""
    before = "["
    async for block in blocks:
        lines: list[Line] = []
        for one in block.data:
            lines.append(before + json.dumps(one, ensure_ascii=True))
            before = ","
        yield lines
    yield ("[]",) if before == "[" else ("]",)

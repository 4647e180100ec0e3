"""The live view of a trace: lines as they come, and what its user does meanwhile."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from shell.term import EndOfInput, Interrupted, Line, LineTooLongError, Span, Style, Term
from shell.trace.record import Record
from shell.trace_ports import RING, Batch, View

T = TypeVar("T")
Draw = Callable[[Record], Sequence[Line]]
Mark = Callable[[str], Awaitable[None]]

BY_USER: Final = "you ended it"
NO_MORE: Final = "the client says no more"
PAUSE: Final = frozenset({" ", "p", "P", "\x13", "\x11"})
"""Also Ctrl-S and Ctrl-Q, which stop and start output elsewhere."""
MARK: Final = frozenset({"m", "M"})
END: Final = frozenset({"q", "Q", "\x03", "\x04", "\x1b"})
PAUSED: Final[Line] = (Span(" paused: Space goes on, m inserts a mark, q ends ", Style.BAR),)
ASKED: Final = "Mark: "


class LiveView:
    """Shows `view` on `term`, each record as `draw` says. `lasts`: it goes on when the client has no more to
    say, as at the end of a pipe, because it ends by itself."""

    def __init__(self, term: Term, view: View, draw: Draw, mark: Mark, *, lasts: bool = False) -> None:
        self._term = term
        self._view = view
        self._draw = draw
        self._mark = mark
        self._lasts = lasts
        self._held = _Held()
        self._paused = False
        self._mark_wanted = False
        self._no_more_keys = False
        self._banner_changed = False
        self._ended = ""
        self._keys: asyncio.Task[str] | None = None
        self._news: asyncio.Task[Batch] | None = None
        self._output: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[str] | None = None
        self.shown = 0
        """Records."""

    async def run(self) -> str:
        """Until its user or the trace ends it: why it ended. Raises what the port raises, and EndOfInput."""
        why = await self._until_its_end()
        if self._paused:
            await self._term.status("")
        return why

    async def _until_its_end(self) -> str:
        try:
            while not (self._ended and self._nothing_left()):
                self._begin()
                tasks = (self._keys, self._asking, self._news, self._output)
                await asyncio.wait(filter(None, tasks), return_when=asyncio.FIRST_COMPLETED)
                if (keys := self._keys) is not None and keys.done():
                    self._keys = None
                    if why := self._heard(keys):
                        return why
                if (asking := self._asking) is not None and asking.done():
                    self._asking = None
                    await self._insert(asking.result())
                if (output := self._output) is not None and output.done():
                    self._output = None
                    output.result()
                if (news := self._news) is not None and news.done():
                    self._news = None
                    self._take(news.result())
            return self._ended
        finally:
            await _stop(self._keys, self._asking, self._news, self._output)

    @property
    def _still(self) -> bool:
        """Nothing new is shown."""
        return self._paused or self._mark_wanted or self._asking is not None

    def _nothing_left(self) -> bool:
        return not self._still and not self._held and self._output is None

    def _begin(self) -> None:
        """Start what is idle and has something to do."""
        if self._output is None:
            if self._mark_wanted and self._asking is None:
                self._mark_wanted = False
                self._asking = _task(self._ask(self._keys), "mark")
                self._keys = None
            elif (work := self._next_output()) is not None:
                self._output = _task(work, "output")
        if self._keys is None and self._asking is None and not self._no_more_keys:
            self._keys = _task(self._term.meanwhile(), "keys")
        # While a slow client takes what there is, the rest waits in the ring of the view.
        if self._news is None and not self._ended and (self._still or not self._held):
            self._news = _task(self._view.next(), "records")

    def _next_output(self) -> Coroutine[Any, Any, None] | None:
        banner, self._banner_changed = self._banner_changed and self._asking is None, False
        if self._still:
            return self._term.status(PAUSED) if banner and self._paused else None
        lines = self._held.lines(self._draw)
        self.shown += self._held.records
        self._held.clear()
        return self._show(lines, after_banner=banner) if lines or banner else None

    async def _show(self, lines: Sequence[Line], *, after_banner: bool) -> None:
        if after_banner:
            await self._term.status("")
        await self._term.stream(*lines)

    def _take(self, batch: Batch) -> None:
        self._held.add(batch)
        self._ended = batch.ended

    def _heard(self, keys: asyncio.Task[str]) -> str:
        """Act on it; not empty if it ends the view: why."""
        try:
            said = keys.result()
        except (Interrupted, LineTooLongError):
            return BY_USER
        except EndOfInput:
            self._no_more_keys = True
            return "" if self._lasts else NO_MORE
        if self._term.rich:
            return self._key(said)
        word, _, text = said.strip().partition(" ")
        if word.casefold() not in ("m", "mark") or not text.strip():
            return BY_USER
        self._asking = _task(_said(text), "mark")
        return ""

    def _key(self, key: str) -> str:
        if key in END:
            return BY_USER
        if key in MARK:
            self._mark_wanted = True
        elif key in PAUSE:
            self._paused = not self._paused
            self._banner_changed = True
        return ""

    async def _ask(self, keys: asyncio.Task[str] | None) -> str:
        """The text of a mark. Nobody else may read keys at the same time."""
        await _stop(keys)
        await self._term.status("")
        try:
            return await self._term.ask(ASKED)
        except (Interrupted, LineTooLongError):
            return ""

    async def _insert(self, text: str) -> None:
        self._banner_changed = self._paused
        if text.strip():
            await self._mark(text.strip())


class _Held:
    """What is not shown yet, at most RING records: the oldest are left out, and counted."""

    def __init__(self) -> None:
        self._items: deque[Record | int] = deque()
        self._left_out = 0
        self.records = 0

    def add(self, batch: Batch) -> None:
        if batch.missed:
            # One place for what is missing between two records, so that these bound those.
            before = 0
            if self._items and isinstance(last := self._items[-1], int):
                before = last
                self._items.pop()
            self._items.append(before + batch.missed)
        # What one process does and logs comes by two ways.
        in_order: list[Record] = sorted(batch.records, key=_at)
        self._items.extend(in_order)
        self.records += len(batch.records)
        while self.records > RING:
            gone = self._items.popleft()
            self._left_out += gone if isinstance(gone, int) else 1
            self.records -= not isinstance(gone, int)

    def __bool__(self) -> bool:
        return bool(self._items)

    def lines(self, draw: Draw) -> list[Line]:
        lines: list[Line] = []
        if self._left_out:
            lines.append((Span(f"[... {self._left_out} lines left out while it paused ...]", Style.BAD),))
        for item in self._items:
            if isinstance(item, int):
                lines.append((Span(missed_words(item), Style.BAD),))
            else:
                lines.extend(draw(item))
        return lines

    def clear(self) -> None:
        self._items.clear()
        self.records = self._left_out = 0


def _at(record: Record) -> float:
    return record.at


def missed_words(count: int) -> str:
    return f"[... {count} lines missed: your connection is too slow ...]"


async def _said(text: str) -> str:
    return text


def _task(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    return asyncio.create_task(work, name=f"trace view: {name}")


async def _stop(*tasks: asyncio.Task[Any] | None) -> None:
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    for task in running:
        with suppress(asyncio.CancelledError, Exception):
            await task

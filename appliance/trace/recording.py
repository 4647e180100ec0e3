"""A capture that is being written: its own queue, its own limits, its own end."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from appliance.trace.captures import Begun, last_line, line
from shell.trace.choice import Choice
from shell.trace_ports import Limits

log = logging.getLogger(__name__)

QUEUE: Final = 8 << 20
"""Bytes that wait for a slow disk; what comes then is left out, counted and told."""
PAUSE: Final = 0.1
"""Seconds that lines may wait to be written together."""
WRITTEN_WITHIN: Final = 2.0
"""Seconds that somebody who reads waits for a disk."""
LAST: Final = 600
"""Bytes kept for the last line."""


class Recording:
    """`offer` never waits; `run` writes until the end. `has_room` may block: whether the disk has room."""

    def __init__(
        self,
        begun: Begun,
        choice: Choice,
        limits: Limits,
        has_room: Callable[[], bool],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = begun.name
        self.choice = choice
        self.limits = limits
        self.records = 0
        self.lost = 0
        self.reason = ""
        """Why it ended; empty while it runs."""
        self._descriptor = begun.descriptor
        self._written = self._size = begun.size
        self._has_room = has_room
        self._now = now
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._untold = 0
        self._wake = asyncio.Event()

    @property
    def size(self) -> int:
        """With what is not written yet."""
        return self._size

    def offer(self, lines: bytes, count: int) -> None:
        """So many records, a line each, every one with its newline."""
        if self.reason:
            return
        if self._bytes + len(lines) > QUEUE:
            self.lost += count
            self._untold += count
            return
        if self._untold:
            told, self._untold = self._untold, 0
            self._put(line({"missed": told}))
        room = self.limits.size - LAST - self._size
        if len(lines) > room:
            lines = lines[: lines.rfind(b"\n", 0, max(0, room)) + 1]
            count = lines.count(b"\n")
            self.records += count
            self._put(lines)
            self.end(f"its {self.limits.size / 1e6:g} MB are full")
            return
        self.records += count
        self._put(lines)

    async def written(self, running: asyncio.Task[None]) -> None:
        """Return when what has been offered so far is in the file, or after a while; of one that ends, when
        it has ended. `running`: the task of `run`."""
        target = self._size
        with suppress(TimeoutError):
            async with asyncio.timeout(WRITTEN_WITHIN):
                while not running.done() and (self.reason or self._written < target):
                    await asyncio.wait({running}, timeout=PAUSE / 4)

    def end(self, reason: str) -> None:
        """What has been offered is still written. Only the first reason counts."""
        self.reason = self.reason or reason
        self._wake.set()

    async def run(self) -> None:
        """Until the end, whatever the disk does."""
        minutes = self.limits.seconds / 60
        length = f"{minutes:g} minutes" if minutes >= 1 else f"{self.limits.seconds:g} s"
        over = asyncio.get_running_loop().call_later(self.limits.seconds, self.end, f"its {length} are over")
        try:
            while not self.reason:
                await self._wake.wait()
                if not self.reason:
                    await asyncio.sleep(PAUSE)
                self._wake.clear()
                await self._write_out()
            await self._write_out()
            await self._finish()
        except OSError as exc:
            self.end(f"the disk: {exc.strerror or exc}")
            await self._finish()
        finally:
            over.cancel()
            os.close(self._descriptor)

    def _put(self, lines: bytes) -> None:
        self._waiting.append(lines)
        self._bytes += len(lines)
        self._size += len(lines)
        self._wake.set()

    async def _write_out(self) -> None:
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        if not waiting:
            return
        data = b"".join(waiting)
        try:
            await asyncio.to_thread(self._write, data)
        except OSError:
            count = data.count(b"\n")
            self.records -= count
            self.lost += count
            raise
        if not await asyncio.to_thread(self._has_room):
            self.end("the disk is nearly full")

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            os.ftruncate(self._descriptor, self._written)  # no half line
            os.lseek(self._descriptor, self._written, os.SEEK_SET)
            raise
        self._written += len(data)

    async def _finish(self) -> None:
        last = last_line(self._now(), self.reason[:200], self.records, self.lost)
        try:
            await asyncio.to_thread(self._write, last)
        except OSError as exc:
            log.warning("capture %s has no last line: %s", self.name, exc)

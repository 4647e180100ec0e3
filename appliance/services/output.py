"""What a child writes, read in blocks of whole lines."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable

LONGEST_LINE = 1 << 16
AT_ONCE = 1 << 16
ROOM = 1 << 20
"""Bytes the pipe holds while nobody reads it: the most that every user may have (pipe(7))."""
PAUSE = 0.2
"""Seconds between two blocks: to wake up costs far more than a line."""


class ChildOutput:
    """A pipe for stdout and stderr of a child. `take` gets one or more lines, without the last newline."""

    def __init__(self, take: Callable[[str], None]) -> None:
        """Inside the running loop. Raises OSError."""
        self._take = take
        self._reading, self.writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reading, False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._reading, fcntl.F_SETPIPE_SZ, ROOM)
        self._rest = b""
        self._too_long = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()

    def started(self) -> None:
        """The child has its end of the pipe, or there will be no child. From now on `take` is called."""
        os.close(self.writing)
        self._loop.add_reader(self._reading, self._readable)

    async def close(self, within: float) -> None:
        """Take the rest; a pipe that somebody else's child holds open is left after `within` seconds."""
        if not self._ended.done():
            self._resume()
            await asyncio.wait({self._ended}, timeout=within)
        self._finish()

    def _readable(self) -> None:
        try:
            data = os.read(self._reading, AT_ONCE)
        except BlockingIOError:
            return
        if not data:
            self._finish()
            return
        self._sort(data)
        if len(data) < AT_ONCE:
            self._loop.remove_reader(self._reading)
            self._timer = self._loop.call_later(PAUSE, self._resume)

    def _resume(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
            self._loop.add_reader(self._reading, self._readable)

    def _sort(self, data: bytes) -> None:
        lines, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._rest += data
        else:
            whole = self._rest + lines
            self._rest = rest
            if self._too_long:
                self._too_long = False
                _, newline, whole = whole.partition(b"\n")
            if newline:
                self._take(whole.decode(errors="replace"))
        if len(self._rest) > LONGEST_LINE:
            self._rest = b""
            if not self._too_long:
                self._too_long = True
                self._take(f"(left out: a line of more than {LONGEST_LINE} bytes)")

    def _finish(self) -> None:
        if self._ended.done():
            return
        if self._timer:
            self._timer.cancel()
        self._loop.remove_reader(self._reading)
        os.close(self._reading)
        if self._rest and not self._too_long:
            self._take(self._rest.decode(errors="replace"))
        self._ended.set_result(None)

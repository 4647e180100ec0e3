"""The log of a process whose one loop must not be slowed by its log: lines are kept for a moment and written
together. To write a line alone, between two calls, takes ten times as long as among others."""

from __future__ import annotations

import logging
import os
import time
from logging import LogRecord

from appliance.logs import DATES, set_up

WITHIN = 0.5
"""Seconds a line may wait."""
MOST = 200
"""Lines that may wait."""
ROOM = 256 << 10
"""Bytes kept for a pipe that takes none; what comes then is counted and said."""


class LoopLog(logging.Handler):
    """Call `turn` from the loop. Warnings and errors are written at once, after what was kept before them. A
    kill costs the lines of the last moment; what they say of calls is in the call records too."""

    def __init__(self, service: str, descriptor: int = 2) -> None:
        super().__init__()
        self._service = service
        self._descriptor = descriptor
        self._kept: list[LogRecord] = []
        self._unsent = b""
        self._lost = 0
        self._write_at = 0.0
        self._second, self._stamp = -1, ""
        self._traceback = logging.Formatter("%(message)s")

    @classmethod
    def installed(cls, service: str) -> LoopLog:
        """The handler of this process from now on, in the one format."""
        set_up(service)
        handler = cls(service)
        logging.getLogger().handlers[:] = [handler]
        return handler

    def emit(self, record: LogRecord) -> None:
        if record.args:  # what it says is of now, not of when it is written
            record.msg, record.args = record.getMessage(), None
        self._kept.append(record)
        if record.levelno >= logging.WARNING or len(self._kept) >= MOST:
            self.flush()

    def turn(self, now: float) -> None:
        """`now`: monotonic seconds."""
        if not self._kept and not self._unsent:
            self._write_at = now + WITHIN
        elif now >= self._write_at:
            self._write_at = now + WITHIN
            self.flush()

    def flush(self) -> None:
        """Write what was kept, as far as it is taken."""
        kept, self._kept = self._kept, []
        if len(self._unsent) < ROOM:
            if self._lost:
                self._unsent += f"({self._lost} log lines were dropped)\n".encode()
                self._lost = 0
            self._unsent += "".join([self._line(record) for record in kept]).encode(
                "utf-8", "backslashreplace"
            )
        else:
            self._lost += len(kept)
        try:
            self._unsent = self._unsent[os.write(self._descriptor, self._unsent) :]
        except OSError:
            return  # nobody takes it just now

    def _line(self, record: LogRecord) -> str:
        second = int(record.created)
        if second != self._second:
            self._second, self._stamp = second, time.strftime(DATES, time.localtime(second))
        text = str(record.msg)
        if record.exc_info or record.stack_info:
            text = self._traceback.format(record)
        return f"{self._stamp}.{int(record.msecs):03d} {record.levelname} {self._service}: {text}\n"

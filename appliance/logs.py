"""One log format for all processes, on stderr, and never a wait for whoever reads it."""

from __future__ import annotations

import atexit
import contextlib
import io
import logging
import os
import re
import stat
import sys
import threading
import time
from collections import deque
from typing import TextIO

FORMAT = "%(asctime)s.%(msecs)03d %(levelname)s {}: %(message)s"
DATES = "%Y-%m-%d %H:%M:%S"
MAX_WAITING = 10_000
MAX_CHARACTERS = 16 << 20
LIBRARIES = ("alembic", "apscheduler", "uvicorn")
"""Their small talk is not for our log."""

_OURS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [A-Z]+ ")


def set_up(service: str, stream: TextIO | io.TextIOBase | None = None, level: int = logging.INFO) -> None:
    """Log to `stream` (stderr unless given), each line as `2026-11-22 10:00:00.123 INFO router: …`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(FORMAT.format(service), DATES))
    handler.setLevel(level)  # a trace lowers the level of loggers, which is nothing for the log
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)
    _leave_out_what_is_not_shown()
    logging.raiseExceptions = False  # a log that nobody takes any more must not stop the process
    atexit.register(_give_up_the_rest)


def never_wait() -> None:
    """Make stderr non-blocking if it is a pipe of our own: lines that do not fit are lost, calls go on."""
    if stat.S_ISFIFO(os.fstat(sys.stderr.fileno()).st_mode):
        os.set_blocking(sys.stderr.fileno(), False)


def _leave_out_what_is_not_shown() -> None:
    """The place in the source, thread and process of each line (logging HOWTO, "Optimization")."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    if sys.version_info >= (3, 12):
        logging.logAsyncioTasks = False


def _give_up_the_rest() -> None:
    """At exit Python writes out what its buffers hold, and ends with status 120 when nobody takes it."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            with contextlib.suppress(OSError, ValueError):
                os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def child_line(service: str, text: str, at: float | None = None) -> str:
    """A line a child wrote: as it is when it has our format, else dressed in it."""
    text = text.rstrip()
    if _OURS.match(text):
        return text
    now = time.time() if at is None else at
    stamp = time.strftime(DATES, time.localtime(now))
    return f"{stamp}.{int(now % 1 * 1000):03d} INFO {service}: {text}"


class Outlet(io.TextIOBase):
    """Lines to stdout and stderr by a thread of its own: a terminal that is held (Ctrl-S) holds up nobody.

    Bounded; what is dropped is counted and said. Can be given to `set_up` as its stream.
    """

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._changed = threading.Condition()  # guards what follows
        self._waiting: deque[tuple[TextIO, str]] = deque()
        self._lines = self._characters = self._dropped = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log outlet", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """To stderr, as it is."""
        self._put(self._err, text)
        return len(text)

    def child_lines(self, service: str, text: str) -> None:
        """Lines that a child process wrote, to stderr."""
        lines = text.split("\n")
        self._put(self._err, "".join([child_line(service, line) + "\n" for line in lines]), len(lines))

    def say(self, text: str) -> None:
        """A whole line to stdout."""
        self._put(self._out, text + "\n")

    def close(self, within: float = 1.0) -> None:
        """Give the last lines `within` seconds."""
        if self.closed:
            return
        super().close()
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(within)

    def _put(self, stream: TextIO, text: str, lines: int = 1) -> None:
        with self._changed:
            full = self._lines + lines > MAX_WAITING or self._characters + len(text) > MAX_CHARACTERS
            if full and self._waiting:
                self._dropped += lines
                return
            if self._dropped:
                self._waiting.append((self._err, f"({self._dropped} log lines were dropped)\n"))
                self._dropped = 0
            self._waiting.append((stream, text))
            self._lines += lines
            self._characters += len(text)
            self._changed.notify()

    def _run(self) -> None:
        while blocks := self._take():
            for stream, text in blocks:
                try:
                    stream.write(text)
                    stream.flush()
                except (OSError, ValueError):
                    continue  # a closed terminal: the appliance goes on without a log

    def _take(self) -> deque[tuple[TextIO, str]]:
        """All that waits; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            taken, self._waiting = self._waiting, deque()
            self._lines = self._characters = 0
            return taken


class Trouble:
    """Says a trouble that comes back four times a second once, and when it is over."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self.text = ""
        """What is wrong now; empty when nothing is."""

    def is_(self, text: str) -> None:
        if text != self.text:
            self._log.error("%s: %s", self._what, text)
            self.text = text

    def over(self) -> None:
        if self.text:
            self._log.info("%s: works again", self._what)
            self.text = ""

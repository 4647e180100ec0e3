"""The last minutes of every process's log, kept as the text it is and read only when somebody asks."""

from __future__ import annotations

import io
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from shell.trace.record import Level, Record
from shell.trace.redact import redact_text

KEPT_S: Final = 600.0
KEPT_CHARACTERS: Final = 4 << 20
MOST: Final = 2000
"""Records that are given at once."""

ALARMS: Final = 20

_ALARMING: Final = (" WARNING ", " ERROR ", " CRITICAL ")
_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.(\d{3}) ([A-Z]+) ([\w ./-]{1,40}): ?(.*)", re.DOTALL)
_CALL = re.compile(r"\bcall ([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b")
_LEVELS: Final[dict[str, Level]] = {
    "DEBUG": "debug",
    "INFO": "info",
    "WARNING": "warning",
    "ERROR": "error",
    "CRITICAL": "error",
}


class Past:
    """Bounded in time and in characters. May be added to from any thread."""

    def __init__(
        self,
        kept_s: float = KEPT_S,
        kept_characters: int = KEPT_CHARACTERS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._kept_s = kept_s
        self._kept = kept_characters
        self._now = now
        self._lock = threading.Lock()  # guards what follows
        self._blocks: deque[tuple[float, str, str]] = deque()
        self._characters = 0
        self._alarms: deque[Record] = deque(maxlen=ALARMS)

    @property
    def alarms(self) -> tuple[Record, ...]:
        """The last warnings and errors, oldest first, however long ago."""
        return tuple(self._alarms)

    def add(self, process: str, text: str) -> None:
        """One or more lines as the process has written them."""
        now = self._now()
        text = text[-self._kept :]
        with self._lock:
            self._blocks.append((now, process, text))
            self._characters += len(text)
            if any(word in text for word in _ALARMING):
                self._alarms.extend(_alarms(process, text, now))
            while self._characters > self._kept or self._blocks[0][0] < now - self._kept_s:
                self._characters -= len(self._blocks.popleft()[2])

    def records(
        self,
        since: float,
        until: float,
        wanted: Callable[[Record], bool] = lambda _: True,
        most: int = MOST,
    ) -> list[Record]:
        """The newest of what was written since, and has come until (Unix seconds), and is wanted; oldest
        first. Takes some microseconds a line: not for the loop's thread."""
        with self._lock:
            blocks = list(self._blocks)
        found: list[Record] = []
        for at, process, text in reversed(blocks):
            if at > until:
                continue
            if at < since or len(found) >= most:
                break
            found += [
                record
                for record in reversed(list(parsed(process, text, at)))
                if record.at >= since and wanted(record)
            ]
        return sorted(found[most - 1 :: -1], key=lambda record: record.at)


class Remembered(io.TextIOBase):
    """A stream for our own log: to `outlet`, and to the past of `process`."""

    def __init__(self, outlet: io.TextIOBase, past: Past, process: str) -> None:
        self._outlet = outlet
        self._past = past
        self._process = process

    def write(self, text: str) -> int:
        self._past.add(self._process, text.rstrip("\n"))
        return self._outlet.write(text)


def parsed(process: str, text: str, arrived: float) -> Iterator[Record]:
    """Lines of a log, without secrets. One that has not our format belongs to the moment and level of the one
    before it."""
    at: float = arrived
    level: Level = "info"
    second, began = "", 0.0
    for line in text.split("\n"):
        match = _LINE.match(line)
        if match is None:
            if line.strip():
                yield Record(at, process, level, "log", redact_text(line.rstrip()))
            continue
        stamp, milliseconds, name, _, said = match.groups()
        if stamp != second:
            second, began = stamp, _moment(stamp, arrived)
        at = began + int(milliseconds) / 1000
        level = _LEVELS.get(name, "info")
        yield Record(at, process, level, "log", redact_text(said), call_in(said))


def _alarms(process: str, text: str, arrived: float) -> Iterator[Record]:
    """Each with its first line only."""
    for line in text.split("\n"):
        if _LINE.match(line):
            yield from (each for each in parsed(process, line, arrived) if each.level in ("warning", "error"))


def call_in(text: str) -> str:
    """The id of the call that a line of a log is about; empty when it is about none."""
    found = _CALL.search(text)
    return found.group(1) if found else ""


def _moment(stamp: str, arrived: float) -> float:
    """Local time without its zone: of an hour that there is twice, the one nearer to the arrival."""
    try:
        fields = time.strptime(stamp, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return arrived
    guesses = [time.mktime((*fields[:8], dst)) for dst in (0, 1)]
    return min(guesses, key=lambda guess: abs(guess - arrived))

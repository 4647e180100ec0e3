"""Records of one process on their way to the control socket, many a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from shell.trace.record import Record, to_wire

MOST: Final = 200
LARGEST: Final = 64_000
"""Characters of text in a batch; a record that is longer goes alone. JSON may write six bytes for each, and a
line of the control socket is at most 1 MiB."""
LONGEST: Final = 100_000
"""Characters of one text; what is longer is cut and says so."""
WITHIN: Final = 0.1


class Batcher:
    """`publish` gets the data of the topic `trace`. Call `turn` at least every WITHIN seconds."""

    def __init__(self, process: str, publish: Callable[[dict[str, object]], None]) -> None:
        self._process = process
        self._publish = publish
        self._wires: list[list[Any]] = []
        self._size = 0
        self._first = 0
        self._flush_at = 0.0

    def put(self, record: Record) -> None:
        wire = to_wire(record)
        size = _cut(wire)
        if self._wires and self._size + size > LARGEST:
            self.flush()
        self._wires.append(wire)
        self._size += size
        if len(self._wires) >= MOST:
            self.flush()

    def turn(self, now: float) -> None:
        """`now`: monotonic seconds. A record waits for WITHIN seconds at most, and for one turn."""
        if not self._wires:
            self._flush_at = now + WITHIN
        elif now >= self._flush_at:
            self._flush_at = now + WITHIN
            self.flush()

    def lose(self, count: int) -> None:
        """So many records were left out before the next one."""
        if count:
            self.flush()
            self._first += count

    def flush(self) -> None:
        if self._wires:
            wires, self._wires, self._size = self._wires, [], 0
            self._publish({"process": self._process, "first": self._first, "records": wires})
            self._first += len(wires)

    def clear(self) -> None:
        """Nobody looks any more."""
        self._wires, self._size = [], 0


def _cut(wire: list[Any]) -> int:
    """The characters of its texts, after each has been made short enough."""
    if len(wire[4]) > LONGEST:
        wire[4] = _shortened(wire[4])
    sip = wire[7]
    if sip is None:
        return len(wire[4])
    if len(sip[5]) > LONGEST:
        sip[5] = _shortened(sip[5])
    return len(wire[4]) + len(sip[5])


def _shortened(text: str) -> str:
    return f"{text[:LONGEST]} (and {len(text) - LONGEST} characters more)"

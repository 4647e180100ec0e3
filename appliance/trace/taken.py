"""A batch of the stream, made into what captures need only when one needs it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shell.trace.choice import EVERYTHING, Choice, Matches
from shell.trace.record import Record, from_wire


@dataclass(slots=True)
class Taken:
    """`wires`: the records as the control socket carries them."""

    process: str
    wires: Sequence[Any]
    is_mark: bool
    _lines: list[bytes] | None = None
    _all: bytes | None = None
    _records: list[Record | None] | None = None

    def of(self, choice: Choice, fits: Matches) -> tuple[bytes, int]:
        """The lines of a capture with that choice, and how many there are."""
        if choice == EVERYTHING:
            if self._all is None:
                self._all = b"".join(self.lines)
            return self._all, len(self.wires)
        if choice.processes and self.process not in choice.processes and not self.is_mark:
            return b"", 0
        chosen = [place for place, record in enumerate(self.records) if record is not None and fits(record)]
        lines = self.lines if len(chosen) == len(self.wires) else None
        found = [lines[place] if lines else wire_line(self.wires[place]) for place in chosen]
        return b"".join(found), len(chosen)

    @property
    def lines(self) -> list[bytes]:
        if self._lines is None:
            self._lines = [wire_line(wire) for wire in self.wires]
        return self._lines

    @property
    def records(self) -> list[Record | None]:
        """In the places of the wires; None where one is no record."""
        if self._records is None:
            self._records = [_record(wire) for wire in self.wires]
        return self._records


def taken(data: Mapping[str, object]) -> Taken | None:
    """An event of the topic `trace`; None where it has no records."""
    wires = data.get("records")
    if not isinstance(wires, list) or not wires:
        return None
    return Taken(str(data.get("process", "")), wires, bool(data.get("mark")))


_encode = json.JSONEncoder(separators=(",", ":")).encode


def wire_line(wire: object) -> bytes:
    """A record as a line of a capture, with its newline."""
    return _encode(wire).encode() + b"\n"


def _record(wire: object) -> Record | None:
    with contextlib.suppress(ValueError):
        return from_wire(wire)
    return None

"""One thing that a process has done, as the trace shows it; and the compact form in which it travels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

Level = Literal["debug", "info", "warning", "error"]
Way = Literal["in", "out"]

LEVELS: Final[tuple[Level, ...]] = ("debug", "info", "warning", "error")
"""Rising."""
GROUPS: Final = ("sip", "call", "log", "job", "store", "web", "shell", "mark")

TOPIC: Final = "trace"
"""Of the control socket: {"process": name, "records": [wire, …], "first": ordinal of the first of them}. Two
batches of one process that do not follow on each other tell how many records were lost between them."""


@dataclass(frozen=True, slots=True)
class Sip:
    """A SIP message. `local` and `remote` are "host:port", an IPv6 host in brackets; `transport` is "udp",
    "tcp" or "tls". `raw`: the message as text, what is no UTF-8 as surrogates (PEP 383), secrets already
    taken out."""

    way: Way
    local: str
    remote: str
    transport: str
    call_id: str
    raw: str


@dataclass(frozen=True, slots=True)
class Record:
    """`at`: Unix seconds. `text`: one line. `call`: the id of the call as in call records, or empty.
    `numbers`: who it is about, as people know them."""

    at: float
    process: str
    level: Level
    group: str
    text: str
    call: str = ""
    numbers: tuple[str, ...] = ()
    sip: Sip | None = None


def to_wire(record: Record) -> list[Any]:
    """A JSON array."""
    sip = record.sip
    return [
        record.at,
        record.process,
        record.level,
        record.group,
        record.text,
        record.call,
        record.numbers,
        sip and [sip.way, sip.local, sip.remote, sip.transport, sip.call_id, sip.raw],
    ]


def from_wire(wire: Any) -> Record:
    """Raises ValueError for anything that `to_wire` does not make."""
    try:
        at, process, level, group, text, call, numbers, sip = wire
    except (TypeError, ValueError):
        raise ValueError("a trace record is an array of eight") from None
    if type(at) not in _NUMBERS or not 0 <= at < _NEVER:
        raise ValueError("the time of a trace record is a number")
    if type(level) is not str or level not in _KNOWN_LEVELS:
        raise ValueError(f"a trace record has the level {level!r:.40}")
    for text_field in (process, group, text, call):
        if type(text_field) is not str:
            raise ValueError("process, group, text and call of a trace record are texts")
    if numbers:
        numbers = _numbers(numbers)
    elif type(numbers) not in _SEQUENCES:
        raise ValueError("the numbers of a trace record are an array of texts")
    return Record(at, process, level, group, text, call, numbers or (), None if sip is None else _sip(sip))


_NUMBERS = (float, int)
_NEVER = 1e11
_KNOWN_LEVELS = frozenset(LEVELS)
_SEQUENCES = (list, tuple)


def _numbers(wire: Any) -> tuple[str, ...]:
    if type(wire) not in _SEQUENCES or not all(type(number) is str for number in wire):
        raise ValueError("the numbers of a trace record are an array of texts")
    return tuple(wire)


def _sip(wire: Any) -> Sip:
    if type(wire) not in _SEQUENCES or len(wire) != 6 or not all(type(part) is str for part in wire):
        raise ValueError("the SIP message of a trace record is an array of six texts")
    way, local, remote, transport, call_id, raw = wire
    if way not in ("in", "out"):
        raise ValueError('a SIP message goes "in" or "out"')
    return Sip(way, local, remote, transport, call_id, raw)

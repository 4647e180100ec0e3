"""Which records somebody wants to see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shell.trace.record import LEVELS, Level, Record


@dataclass(frozen=True, slots=True)
class Choice:
    """What is empty chooses everything. `level`: this one and those above it. `number`: a part of one of the
    record's numbers; `text`: a part of its text, or of its SIP message, in any case. `last_s`: seconds of
    the past that are shown first; it chooses nothing."""

    processes: tuple[str, ...] = ()
    level: Level = "debug"
    call: str = ""
    number: str = ""
    group: str = ""
    text: str = ""
    last_s: float = 0.0


EVERYTHING = Choice()


def matches(choice: Choice, record: Record) -> bool:
    """A mark is for everybody, whatever he chose."""
    if record.group == "mark":
        return True
    if choice.processes and record.process not in choice.processes:
        return False
    if _RANK[record.level] < _RANK[choice.level]:
        return False
    if choice.group and record.group != choice.group:
        return False
    if choice.call and record.call != choice.call:
        return False
    if choice.number and not any(choice.number in number for number in record.numbers):
        return False
    return not choice.text or _says(record, choice.text.casefold())


def encode(choice: Choice) -> dict[str, Any]:
    return {
        "processes": list(choice.processes),
        "level": choice.level,
        "call": choice.call,
        "number": choice.number,
        "group": choice.group,
        "text": choice.text,
        "last_s": choice.last_s,
    }


def decode(data: Mapping[str, Any]) -> Choice:
    """Raises ValueError."""
    processes, level, last_s = data.get("processes", []), data.get("level", "debug"), data.get("last_s", 0)
    texts = {name: data.get(name, "") for name in ("call", "number", "group", "text")}
    if not isinstance(processes, list) or not all(
        isinstance(text, str) for text in (*texts.values(), *processes)
    ):
        raise ValueError("a choice consists of texts")
    if level not in LEVELS or not isinstance(last_s, int | float) or last_s < 0:
        raise ValueError("a choice has a level and seconds of the past")
    return Choice(tuple(processes), level, last_s=float(last_s), **texts)


_RANK = {level: rank for rank, level in enumerate(LEVELS)}


def _says(record: Record, text: str) -> bool:
    return text in record.text.casefold() or (record.sip is not None and text in record.sip.raw.casefold())

"""What may come next in a choice of what to trace. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shell.trace.choosing import KEYWORDS, PROCESSES, SPELLINGS
from shell.trace.record import GROUPS, LEVELS


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to go on with a choice."""

    word: str
    help: str


_HELP: Final = {
    "process": "only what this process does",
    "level": "this and worse: debug, info, warning, error",
    "call": "one call: its id, or the beginning of it",
    "number": "calls from and to a number",
    "group": f"one kind of records: {', '.join(GROUPS)}",
    "text": "only what has this text in it",
    "sip": "only SIP messages, whole",
    "last": "first what was in the last time, such as 60s",
    "for": "ends by itself after a time, such as 5min",
    "size": "ends by itself at a size, such as 10MB",
}


def complete(typed: str, calls: Sequence[Offer] = (), numbers: Sequence[Offer] = ()) -> tuple[Offer, ...]:
    """What may come next after `typed`, the text after `trace ` up to the cursor. `calls`, `numbers`: what
    can be offered."""
    words = typed.split()
    last = words.pop().casefold() if words and not typed[-1].isspace() else ""
    before = _keyword(words[-1]) if words else ""
    if len(words) > 1 and _keyword(words[-2]) not in ("", "sip"):
        before = ""  # what looks like a keyword is the value of the one before it
    offers: dict[str, Sequence[Offer]] = {**_VALUES, "call": calls, "number": numbers}
    here = [Offer(word, meaning) for word, meaning in _HELP.items()]
    found = offers.get(before, here)
    return tuple(one for one in found if one.word.casefold().startswith(last))


def _keyword(word: str) -> str:
    """The keyword that the word means; empty for none."""
    step = SPELLINGS.get(word.casefold())
    return next((name for name, one in KEYWORDS.items() if one is step), "")


_VALUES: Final[dict[str, Sequence[Offer]]] = {
    "process": [Offer(name, "") for name in PROCESSES],
    "level": [Offer(name, "") for name in LEVELS],
    "group": [Offer(name, "") for name in GROUPS],
    "last": [Offer("60s", "the last minute"), Offer("10min", "as far back as it goes")],
    "for": [Offer("1min", ""), Offer("5min", ""), Offer("30min", "")],
    "size": [Offer("1MB", ""), Offer("10MB", ""), Offer("100MB", "")],
    "text": (),
}

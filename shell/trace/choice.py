"""Which records somebody wants to see, and from how long ago. Pure, and quick to ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shell.trace.record import LEVELS, Level, Record

Matches = Callable[[Record], bool]

LONG_NUMBER: Final = 7
"""Digits from which on a number is the same with and without its trunk or country code before it."""
MARK: Final = "mark"


@dataclass(frozen=True, slots=True)
class Choice:
    """Values of one kind are alternatives; every kind that has any must fit. Marks fit always: they are for
    everybody who watches.

    `level`: that and worse. `calls`: ids, of the call record or of SIP, or their beginnings. `sip`: only SIP
    messages. `last_s`: seconds of the past that are shown first; it chooses nothing."""

    processes: tuple[str, ...] = ()
    level: Level = "debug"
    calls: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    sip: bool = False
    last_s: float = 0.0

    def __str__(self) -> str:
        """As typed after `trace`; `parse` of it is the same choice. Empty for everything."""
        return " ".join(_words(self))

    @property
    def title(self) -> str:
        """For people: `call a1b2 · warning and worse · from router`; `everything` without any choice."""
        return " · ".join(_said(self)) or "everything"


EVERYTHING: Final = Choice()


def encode(choice: Choice) -> dict[str, Any]:
    return {
        **{name: list(getattr(choice, name)) for name in _LISTS},
        "level": choice.level,
        "sip": choice.sip,
        "last_s": choice.last_s,
    }


def decode(data: Mapping[str, Any]) -> Choice:
    """Raises ValueError for anything that `encode` does not make."""
    lists = {name: data.get(name, []) for name in _LISTS}
    for values in lists.values():
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise ValueError("a choice consists of texts")
    level, sip, last_s = data.get("level", "debug"), data.get("sip", False), data.get("last_s", 0.0)
    if level not in LEVELS or not isinstance(sip, bool):
        raise ValueError("a choice has a level, and says whether it is for SIP messages only")
    if not isinstance(last_s, int | float) or isinstance(last_s, bool) or not 0 <= last_s < 1e6:
        raise ValueError("the past of a choice is some seconds")
    return Choice(level=level, sip=sip, last_s=float(last_s), **{k: tuple(v) for k, v in lists.items()})


_LISTS: Final = ("processes", "calls", "numbers", "groups", "texts")


def matcher(choice: Choice) -> Matches:
    """One function that tells whether a record belongs to the choice."""
    tests = tuple(_tests(choice))
    match tests:
        case ():
            return _always
        case (only,):
            return lambda record: record.group == MARK or only(record)
        case (first, second):
            return lambda record: record.group == MARK or (first(record) and second(record))
    return lambda record: record.group == MARK or all(test(record) for test in tests)


def matches(choice: Choice, record: Record) -> bool:
    """For one record; for many make a `matcher`."""
    return matcher(choice)(record)


def digits(number: str) -> str:
    """The number without what people put between its digits, and without the zeros or the plus of a code."""
    return "".join(char for char in number if char in "0123456789*#")


def _always(_record: Record) -> bool:
    return True


def _tests(choice: Choice) -> list[Matches]:
    """The cheapest first."""
    found: list[Matches] = []
    if choice.level != LEVELS[0]:
        levels = frozenset(LEVELS[LEVELS.index(choice.level) :])
        found.append(lambda record: record.level in levels)
    if choice.processes:
        processes = frozenset(choice.processes)
        found.append(lambda record: record.process in processes)
    if choice.sip:
        found.append(lambda record: record.sip is not None)
    if choice.groups:
        groups = frozenset(choice.groups)
        found.append(lambda record: record.group in groups)
    if choice.calls:
        found.append(_of_calls(choice.calls))
    if choice.numbers:
        found.append(_of_numbers(choice.numbers))
    if choice.texts:
        found.append(_with_texts(choice.texts))
    return found


def _of_calls(calls: tuple[str, ...]) -> Matches:
    beginnings = tuple(call.casefold() for call in calls)

    def fits(record: Record) -> bool:
        if record.call.casefold().startswith(beginnings):
            return True
        sip = record.sip
        if sip is not None:
            return sip.call_id.casefold().startswith(beginnings)
        # What a process logs about a call names it in its text.
        return not record.call and any(one in record.text.casefold() for one in beginnings)

    return fits


def _of_numbers(numbers: tuple[str, ...]) -> Matches:
    wanted = frozenset(digits(number) for number in numbers)
    tails = tuple(tail for tail in map(_tail, wanted) if tail)
    spelled = tuple(dict.fromkeys((*numbers, *wanted)))

    def fits(record: Record) -> bool:
        for number in record.numbers:
            plain = digits(number)
            if plain in wanted or (tails and plain.endswith(tails)):
                return True
        return any(_stands_in(one, record.text) for one in spelled)

    return fits


def _stands_in(number: str, text: str) -> bool:
    """The number as a whole, and not as a part of a longer one."""
    at = text.find(number)
    while at >= 0:
        end = at + len(number)
        if not text[at - 1 : at].isalnum() and not text[end : end + 1].isalnum():
            return True
        at = text.find(number, at + 1)
    return False


def _tail(number: str) -> str:
    """What 0441234567, +41441234567 and 0041441234567 have in common; empty for a short number."""
    significant = number.lstrip("0")
    return significant if len(significant) >= LONG_NUMBER else ""


def _with_texts(texts: tuple[str, ...]) -> Matches:
    wanted = tuple(text.casefold() for text in texts)

    def fits(record: Record) -> bool:
        text = record.text.casefold()
        if any(one in text for one in wanted):
            return True
        if record.sip is None:
            return False
        raw = record.sip.raw.casefold()
        return any(one in raw for one in wanted)

    return fits


def _words(choice: Choice) -> list[str]:
    found: list[str] = []
    for keyword, values in (
        ("process", choice.processes),
        ("call", choice.calls),
        ("number", choice.numbers),
        ("group", choice.groups),
        ("text", choice.texts),
    ):
        for value in values:
            found.extend((keyword, quoted(value)))
    if choice.level != LEVELS[0]:
        found.extend(("level", choice.level))
    if choice.sip:
        found.append("sip")
    if choice.last_s:
        found.extend(("last", span(round(choice.last_s))))
    return found


def _said(choice: Choice) -> list[str]:
    found = []
    if choice.sip:
        found.append("SIP messages")
    found.extend(
        f"{what} {' or '.join(values)}"
        for what, values in (
            ("call", choice.calls),
            ("number", choice.numbers),
            ("group", choice.groups),
            ("text", tuple(map(quoted, choice.texts))),
        )
        if values
    )
    if choice.level == LEVELS[-1]:
        found.append("errors")
    elif choice.level != LEVELS[0]:
        found.append(f"{choice.level} and worse")
    if not found and (choice.processes or choice.last_s):
        found.append("everything")
    if choice.processes:
        found.append(f"from {' or '.join(choice.processes)}")
    if choice.last_s:
        found.append(f"with the last {span(round(choice.last_s))}")
    return found


def quoted(text: str) -> str:
    """As one word of a command line."""
    plain = text and not any(char.isspace() or char in "\"'\\|" for char in text)
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def span(seconds: int) -> str:
    """`45s`, `5min`, `1h`: the largest unit that needs no fraction."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"

"""From the words that people type to a choice of what to trace: in any order, forgiving. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from shell.trace.choice import EVERYTHING, Choice, digits, quoted, span
from shell.trace.record import GROUPS, LEVELS, Level
from shell.trace.typed import UNITS, ChoiceError, Words, tokens

PROCESSES: Final = ("router", "media", "shell", "web", "supervisor")
MOST: Final = 20
"""Values of one kind."""
LAST_MOST_S: Final = 600
FOR_MOST_S: Final = 4 * 3600
SIZE_LEAST: Final = 10_000
SIZE_MOST: Final = 200_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed after `trace`. `for_s` (seconds) and `size` (bytes): where the trace is to end by
    itself; None: at its usual limits."""

    choice: Choice = EVERYTHING
    for_s: int | None = None
    size: int | None = None

    def __str__(self) -> str:
        """`parse` of it is the same."""
        ends = [f"for {span(self.for_s)}"] if self.for_s is not None else []
        ends += [f"size {amount(self.size)}"] if self.size is not None else []
        return " ".join(filter(None, (str(self.choice), *ends)))


def parse(text: str) -> Asked:
    """What is typed after `trace`. Raises ChoiceError."""
    words = Words(list(tokens(text, SPELLINGS.__contains__)))
    asked = Asked()
    while words.left:
        asked = _next(asked, words)
    return asked


_LEVELS: Final[dict[str, Level]] = {
    "debug": "debug", "all": "debug", "info": "info", "information": "info", "notice": "info",
    "warn": "warning", "warning": "warning", "warnings": "warning",
    "err": "error", "error": "error", "errors": "error", "critical": "error", "fatal": "error",
}  # fmt: skip


def _process(asked: Asked, words: Words) -> Asked:
    name = words.value("process", "router")
    known = [one for one in PROCESSES if one == name.casefold()] or [
        one for one in PROCESSES if one.startswith(name.casefold())
    ]
    if len(known) != 1:
        raise ChoiceError(f"there is no process {name!r}", f"there are: {', '.join(PROCESSES)}")
    return _choose(asked, processes=_with(asked.choice.processes, known[0], "process"))


def _level(asked: Asked, words: Words) -> Asked:
    name = words.value("level", "warning")
    if name.casefold() not in _LEVELS:
        raise ChoiceError(f"there is no level {name!r}", f"there are: {', '.join(LEVELS)}")
    return _choose(asked, level=_LEVELS[name.casefold()])


def _call(asked: Asked, words: Words) -> Asked:
    return _choose(asked, calls=_with(asked.choice.calls, words.value("call", "3f2a"), "call"))


def _number(asked: Asked, words: Words) -> Asked:
    number = "".join(words.value("number", "0441234567").split())
    while words.left and re.fullmatch(r"[\d()/.-]+", words.left[0]):
        number += words.take()
    if not digits(number) or not re.fullmatch(r"[+\d*#()/.-]+", number):
        raise ChoiceError(f"{number!r} is no number", "right is such as number 0441234567")
    return _choose(asked, numbers=_with(asked.choice.numbers, re.sub(r"[()/.-]", "", number), "number"))


def _group(asked: Asked, words: Words) -> Asked:
    name = words.value("group", "call")
    known = _group_named(name)
    if known is None:
        raise ChoiceError(
            f"there is no group {name!r}", f"there are: {', '.join(GROUPS)}; else: text {quoted(name)}"
        )
    return _choose(asked, groups=_with(asked.choice.groups, known, "group"))


def _text(asked: Asked, words: Words) -> Asked:
    return _choose(asked, texts=_with(asked.choice.texts, words.value("text", '"busy here"'), "text"))


def _sip(asked: Asked, _words: Words) -> Asked:
    return _choose(asked, sip=True)


def _last(asked: Asked, words: Words) -> Asked:
    return _choose(asked, last_s=_seconds("last", words, "60s", LAST_MOST_S))


def _for(asked: Asked, words: Words) -> Asked:
    return replace(asked, for_s=_seconds("for", words, "5min", FOR_MOST_S))


def _size(asked: Asked, words: Words) -> Asked:
    given = words.measure("size", "10MB")
    match = re.fullmatch(r"(\d{1,9})([a-z]*)", given.casefold())
    unit = "mb" if match and match[2] in ("", "m", "megabyte", "megabytes") else match[2] if match else ""
    if match is None or unit not in ("b", "byte", "bytes", "k", "kb", "mb", "g", "gb"):
        raise ChoiceError(f"size: {given!r} is no size", "right is such as size 10MB")
    size = int(match[1]) * UNITS[unit]
    if not SIZE_LEAST <= size <= SIZE_MOST:
        raise ChoiceError(
            f"size: {given} is too {'small' if size < SIZE_LEAST else 'large'}",
            f"right is {amount(SIZE_LEAST)} to {amount(SIZE_MOST)}",
        )
    return replace(asked, size=size)


_Step = Callable[[Asked, Words], Asked]
KEYWORDS: Final[dict[str, _Step]] = {
    "process": _process,
    "level": _level,
    "call": _call,
    "number": _number,
    "group": _group,
    "text": _text,
    "sip": _sip,
    "last": _last,
    "for": _for,
    "size": _size,
}
SPELLINGS: Final[dict[str, _Step]] = {
    **KEYWORDS,
    **dict.fromkeys(("proc", "processes", "service", "from"), _process),
    **dict.fromkeys(("lvl", "severity"), _level),
    **dict.fromkeys(("callid", "call-id", "id"), _call),
    **dict.fromkeys(("num", "nr", "no", "user", "phone", "caller"), _number),
    **dict.fromkeys(("module", "grp", "topic"), _group),
    **dict.fromkeys(("match", "grep", "txt", "contains"), _text),
    **dict.fromkeys(("since", "past"), _last),
    **dict.fromkeys(("during", "time"), _for),
    **dict.fromkeys(("max", "limit"), _size),
}


def _next(asked: Asked, words: Words) -> Asked:
    word = words.take()
    step = SPELLINGS.get(word.casefold())
    return step(asked, words) if step is not None else _guessed(asked, word, words)


def _guessed(asked: Asked, word: str, words: Words) -> Asked:
    """A value without its keyword, where it can only be one thing."""
    low = word.casefold()
    if low in ("all", "everything", "any"):
        return asked
    if joined := re.fullmatch(r"(last|for|size)(\d.*)", low):
        words.left.insert(0, joined[2])
        return KEYWORDS[joined[1]](asked, words)
    for fits, step in _KINDS:
        if fits(low):
            words.left.insert(0, word)
            return step(asked, words)
    raise ChoiceError(f"{word[:40]!r} was not understood")


_KINDS: Final[tuple[tuple[Callable[[str], object], _Step], ...]] = (
    (lambda word: word in PROCESSES, _process),
    (lambda word: word in _LEVELS, _level),
    (lambda word: _group_named(word) is not None, _group),
    (lambda word: re.fullmatch(r"\+?\d{3,20}", word), _number),
    # The id of a call as call records have it, or how it begins.
    (lambda word: re.fullmatch(r"(?=.*\d)[0-9a-f]{4,8}(-[0-9a-f-]*)?", word), _call),
)


def amount(size: int) -> str:
    """`10MB`, `64kB`, `100B`: the largest unit that needs no fraction; they are powers of ten."""
    for factor, unit in ((1_000_000, "MB"), (1000, "kB")):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}B"


def _group_named(name: str) -> str | None:
    low = name.casefold()
    return next((one for one in GROUPS if low in (one, f"{one}s")), None)


def _seconds(keyword: str, words: Words, example: str, most: int) -> int:
    given = words.measure(keyword, example)
    match = re.fullmatch(r"(\d{1,9})([a-z]*)", given.casefold())
    unit = UNITS.get(match[2] or "s") if match and match[2] not in _NO_TIMES else None
    if match is None or unit is None:
        raise ChoiceError(f"{keyword}: {given!r} is no time", f"right is such as {keyword} {example}")
    seconds = int(match[1]) * unit
    if not 1 <= seconds <= most:
        raise ChoiceError(
            f"{keyword}: {given} is too {'short' if seconds < 1 else 'long'}", f"right is 1s to {span(most)}"
        )
    return seconds


_NO_TIMES: Final = frozenset({"b", "byte", "bytes", "k", "kb", "mb", "g", "gb"})


def _choose(asked: Asked, **values: Any) -> Asked:
    return replace(asked, choice=replace(asked.choice, **values))


def _with(before: tuple[str, ...], value: str, kind: str) -> tuple[str, ...]:
    if value in before:
        return before
    if len(before) >= MOST:
        raise ChoiceError(f"more than {MOST} values after {kind}")
    return (*before, value)

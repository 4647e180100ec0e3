"""What may follow a show command after a bar: filters of its lines, in the order they are written. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from shell.reply import CommandError, Reply, as_json
from shell.term import Line, Suggestion, plain

PIPES = (
    Suggestion("json", "as JSON, and nothing else"),
    Suggestion("match", "only the lines with this text"),
    Suggestion("except", "only the lines without this text"),
    Suggestion("begin", "from the first line with this text"),
    Suggestion("count", "only how many lines there are"),
)
WITH_TEXT = frozenset({"match", "except", "begin"})
RIGHT = "right is | json, | match TEXT, | except TEXT, | begin TEXT, | count"


@dataclass(frozen=True, slots=True)
class Pipe:
    """`word`: of PIPES; `text`: for those that take one."""

    word: str
    text: str = ""


def parse_pipes(tail: str) -> tuple[Pipe, ...]:
    """From what stands after the first bar. A text in double quotes may have bars. Raises CommandError."""
    pipes = tuple(_pipe(part.strip()) for part in _PART.findall(f"|{tail}"))
    words = [pipe.word for pipe in pipes]
    if "json" in words and len(words) > 1:
        raise CommandError("JSON is whole or not at all: | json takes no other filter", RIGHT)
    if "count" in words[:-1]:
        raise CommandError("there is nothing to filter after | count", RIGHT)
    return pipes


def wants_json(line: str) -> bool:
    """Of a line that was not understood: its answer is read by a program."""
    _, bar, tail = line.rpartition("|")
    return bool(bar) and bool(tail.strip()) and "json".startswith(tail.strip().lower())


def suggest_pipes(tail: str) -> tuple[Suggestion, ...]:
    """What may come next after the last bar."""
    if tail.split() and (len(tail.split()) > 1 or tail[-1].isspace()):
        return ()
    return tuple(each for each in PIPES if each.word.startswith(tail.strip().lower()))


def through(reply: Reply, pipes: tuple[Pipe, ...]) -> tuple[Line, ...]:
    """What is left of an answer."""
    if pipes and pipes[0].word == "json":
        return as_json(reply.data)
    # The lines of a table have a heading: what is counted is what the table is of.
    if pipes and pipes[0].word == "count" and isinstance(reply.data, list):
        return (str(len(reply.data)),)
    lines = reply.lines
    for pipe in pipes:
        lines = _DOES[pipe.word](lines, pipe.text.casefold())
    return lines


def _pipe(part: str) -> Pipe:
    word, _, rest = part.partition(" ")
    rest = rest.strip()
    if len(rest) >= 2 and rest[0] == rest[-1] == '"':
        rest = rest[1:-1]
    for known in PIPES:
        if word and known.word.startswith(word.lower()) and bool(rest) is (known.word in WITH_TEXT):
            return Pipe(known.word, rest)
    raise CommandError(f"after the bar {part[:60]!r} was not understood", RIGHT)


def _match(lines: tuple[Line, ...], text: str) -> tuple[Line, ...]:
    return tuple(line for line in lines if text in plain(line).casefold())


def _except(lines: tuple[Line, ...], text: str) -> tuple[Line, ...]:
    return tuple(line for line in lines if text not in plain(line).casefold())


def _begin(lines: tuple[Line, ...], text: str) -> tuple[Line, ...]:
    first = next((n for n, line in enumerate(lines) if text in plain(line).casefold()), len(lines))
    return lines[first:]


def _count(lines: tuple[Line, ...], _text: str) -> tuple[Line, ...]:
    return (str(sum(bool(plain(line).strip()) for line in lines)),)


_DOES: dict[str, Callable[[tuple[Line, ...], str], tuple[Line, ...]]] = {
    "match": _match,
    "except": _except,
    "begin": _begin,
    "count": _count,
}
_PART = re.compile(r'\|((?:"[^"]*"|[^|"]|")*)')

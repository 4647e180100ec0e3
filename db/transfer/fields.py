"""Reading the fields of a mapping: each asked for by name and type, mistakes collected, the rest unknown."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import yaml

from db.transfer.document import Problem
from db.variables.values import brief

T = TypeVar("T")

_YES_NO = {
    "1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False,
}  # fmt: skip


@dataclass
class Problems:
    """Mistakes as they are found; a file is looked at to its end."""

    found: list[Problem] = field(default_factory=list)

    def add(self, line: int, path: str, message: str) -> None:
        self.found.append(Problem(line, path, message))


@dataclass(frozen=True)
class Value:
    """A node at its place. Reading a wrong one adds a problem and gives what it can be replaced by."""

    node: yaml.Node
    path: str
    problems: Problems

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1

    def wrong(self, message: str) -> None:
        self.problems.add(self.line, self.path, message)

    def text(self, longest: int) -> str:
        """One line of text; `~`, `null` and nothing are empty."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.wrong(f"expected a text, not {_kind(self.node)}")
            return ""
        text: str = self.node.value
        if not self.node.style and text in {"~", "null", "Null", "NULL"}:
            return ""
        if len(text) > longest:
            self.wrong(f"has {len(text)} characters; at most {longest} are right")
            return ""
        # Control characters and lone surrogates; the line separators are Zl and Zp.
        if any(unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} for each in text):
            self.wrong("has control characters or line ends; expected one line of text")
            return ""
        return text

    def whole(self, low: int, high: int) -> int:
        text = self.text(20)
        if not (text.isascii() and text.removeprefix("-").isdigit()):
            self.wrong(f"{brief(text)} is not a whole number; right is {low} to {high}")
            return low
        if not low <= int(text) <= high:
            self.wrong(f"{text} is out of range; right is {low} to {high}")
            return low
        return int(text)

    def flag(self) -> bool:
        text = self.text(10)
        if text.lower() not in _YES_NO:
            self.wrong(f"{brief(text)} is neither yes nor no")
        return _YES_NO.get(text.lower(), False)

    def choice(self, options: Mapping[str, T], fallback: T) -> T:
        text = self.text(64)
        if text.lower() not in options:
            self.wrong(f"{brief(text)} is unknown; {_meant(text, options)}")
        return options.get(text.lower(), fallback)

    def items(self) -> tuple[Value, ...]:
        """The values of a list; nothing is an empty list."""
        if isinstance(self.node, yaml.SequenceNode):
            return tuple(
                Value(node, f"{self.path}[{index}]", self.problems)
                for index, node in enumerate(self.node.value, start=1)
            )
        if not _is_nothing(self.node):
            self.wrong(f"expected a list, not {_kind(self.node)}")
        return ()

    def section(self) -> Section:
        return Section.of(self)


class Section:
    """A mapping whose keys are known beforehand (`get`, `finish`) or free (`entries`)."""

    def __init__(self, value: Value, entries: dict[str, Value]) -> None:
        self.value = value
        self._entries = entries
        self._asked: list[str] = []

    @classmethod
    def of(cls, value: Value) -> Section:
        entries: dict[str, Value] = {}
        if not isinstance(value.node, yaml.MappingNode):
            if not _is_nothing(value.node):
                value.wrong(f"expected fields (name: value), not {_kind(value.node)}")
            return cls(value, entries)
        for key_node, node in value.node.value:
            key = Value(key_node, value.path, value.problems)
            name = key.text(200)
            path = f"{value.path}.{name}" if value.path else name
            if name in entries:
                message = f"is there twice; the first is in line {entries[name].line}"
                value.problems.add(key.line, path, message)
            entries[name] = Value(node, path, value.problems)
        return cls(value, entries)

    def get(self, name: str, *, required: bool = False) -> Value | None:
        """None if it is not there, which is a problem for one that must be."""
        self._asked.append(name)
        found = self._entries.get(name)
        if found is None and required:
            self.value.problems.add(self.value.line, self.value.path, f"{name} is missing")
        return found

    def text(self, name: str, longest: int, *, default: str = "") -> str:
        found = self.get(name)
        return default if found is None else found.text(longest)

    def whole(self, name: str, low: int, high: int, default: int) -> int:
        found = self.get(name)
        return default if found is None else found.whole(low, high)

    def flag(self, name: str, *, default: bool) -> bool:
        found = self.get(name)
        return default if found is None else found.flag()

    def choice(self, name: str, options: Mapping[str, T], default: T) -> T:
        found = self.get(name)
        return default if found is None else found.choice(options, default)

    def items(self, name: str) -> tuple[Value, ...]:
        found = self.get(name)
        return () if found is None else found.items()

    def entries(self) -> Iterator[tuple[str, Value]]:
        """Every field, for a mapping whose names are free."""
        self._asked.extend(self._entries)
        yield from self._entries.items()

    def finish(self) -> None:
        """Whatever has not been asked for is unknown."""
        for name in self._entries.keys() - set(self._asked):
            unknown = self._entries[name]
            unknown.wrong(f"there is no such field; {_meant(name, self._asked)}")


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like `name`, empty if none does."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)), "")


def _meant(name: str, known: Iterable[str]) -> str:
    options = list(known)
    close = nearest(name.lower(), options)
    return f"did you mean {close}?" if close else f"right is one of {', '.join(options)}"


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "fields"
    return "a list" if isinstance(node, yaml.SequenceNode) else f"the text {brief(node.value)}"


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in {"", "~", "null"}

"""Values of the model to plain JSON data and back, by their types."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

Reader = Callable[[Any], Any]
"""Makes a value of parsed JSON, checking it; may use up what it is given. Raises TableError."""


class TableError(ValueError):
    """The text is no routing table of this version; the message names the place and what is wrong there."""

    def __init__(self, problem: str, *path: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path

    def inside(self, name: str) -> TableError:
        return TableError(self.problem, name, *self.path)

    def __str__(self) -> str:
        place = "".join(self.path).lstrip(".")
        return f"routing table: {place}: {self.problem}" if place else f"routing table: {self.problem}"


def plain(value: object) -> object:
    """What JSON can hold of a value; fields that have their default are left out."""
    if type(value) in _KINDS or value is None:
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {
            name: plain(item)
            for name, default in _defaults(type(value))
            if (item := getattr(value, name)) != default
        }
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case tuple():
            return [plain(item) for item in value]
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
    raise TypeError(f"no routing table holds {value!r}")


@cache
def reader(kind: Any) -> Reader:
    """What reads a value of a type of the model."""
    if is_dataclass(kind):
        return _record_reader(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        return _list_reader(reader(inner[0]))
    if origin is Mapping:
        return _mapping_reader(reader(inner[1]))
    if origin in {Union, UnionType}:
        return _optional_reader(reader(next(item for item in inner if item is not NoneType)))
    if kind is datetime:
        return _read_time
    if issubclass(kind, Enum):
        return _enum_reader(kind)
    return _scalar_reader(kind)


@cache
def _defaults(kind: Any) -> tuple[tuple[str, object], ...]:
    """Each field with its default; one without has what equals nothing."""
    return tuple(
        (
            field.name,
            field.default_factory() if field.default_factory is not MISSING else field.default,
        )
        for field in fields(kind)
    )


def _record_reader(kind: Any) -> Reader:
    types = get_type_hints(kind)
    plain_kinds = {field.name: types[field.name] for field in fields(kind) if types[field.name] in _KINDS}
    readers = {field.name: reader(types[field.name]) for field in fields(kind)}
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}

    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise TableError(f"expected an object, found {_named(value)}")
        for name, item in value.items():
            if plain_kinds.get(name) is type(item):
                continue
            if name not in readers:
                raise TableError("not known in this version", f".{name}")
            try:
                value[name] = readers[name](item)
            except TableError as exc:
                raise exc.inside(f".{name}") from None
        if not needed <= value.keys():
            raise TableError("missing", f".{min(needed - value.keys())}")
        return kind(**value)

    return read


def _list_reader(inner: Reader) -> Reader:
    def read(value: object) -> object:
        if not isinstance(value, list):
            raise TableError(f"expected a list, found {_named(value)}")
        found = []
        try:
            for item in value:
                found.append(inner(item))
        except TableError as exc:
            raise exc.inside(f"[{len(found)}]") from None
        return tuple(found)

    return read


def _mapping_reader(inner: Reader) -> Reader:
    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise TableError(f"expected an object, found {_named(value)}")
        found = {}
        for key, item in value.items():
            try:
                found[key] = inner(item)
            except TableError as exc:
                raise exc.inside(f".{key}") from None
        return found

    return read


def _optional_reader(inner: Reader) -> Reader:
    return lambda value: None if value is None else inner(value)


def _enum_reader(kind: type[Enum]) -> Reader:
    members = {member.value: member for member in kind}

    def read(value: object) -> object:
        if not isinstance(value, str | int) or isinstance(value, bool) or value not in members:
            raise TableError(f"expected one of {', '.join(map(str, members))}, found {_named(value)}")
        return members[value]

    return read


def _scalar_reader(kind: type) -> Reader:
    def read(value: object) -> object:
        if type(value) is not kind:  # bool is an int for isinstance
            raise TableError(f"expected {_KINDS[kind]}, found {_named(value)}")
        return value

    return read


def _read_time(value: object) -> datetime:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise TableError(f"expected a date and time with its zone, found {_named(value)}")
    return time


_KINDS: Mapping[type, str] = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    float: "a number",
}


def _named(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."

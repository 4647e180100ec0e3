"""The routing table as text: JSON with a version, made from the model's own types.

Reader and writer are of one release; a change of the model that another release would misread raises VERSION.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from router.model import RoutingTable

VERSION = 1

Reader = Callable[[Any], Any]


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


def encode(table: RoutingTable) -> str:
    """One line of JSON; what has its default value is left out."""
    data = {"version": VERSION, "table": _plain(table)}
    return json.dumps(data, separators=(",", ":"))


def decode(text: str) -> RoutingTable:
    """Raises TableError, also for text that was cut off."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise TableError(f"not JSON ({exc})") from exc
    if not isinstance(data, dict) or "version" not in data or "table" not in data:
        raise TableError("expected an object with version and table")
    if data["version"] != VERSION:
        raise TableError(f"expected {VERSION}, found {data['version']!r}", "version")
    table: RoutingTable = _reader(RoutingTable)(data["table"])
    for number, group in table.groups.items():
        if group.manager_number != number:
            problem = f"expected {number!r}, found {group.manager_number!r}"
            raise TableError(problem, f".groups.{number}.manager_number")
    return table


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        found = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: _plain(item) for field, item in found if not _is_default(field, item)}
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case tuple():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
    return value


def _is_default(field: Any, value: object) -> bool:
    if field.default is not MISSING:
        return bool(field.default == value)
    return field.default_factory is not MISSING and bool(field.default_factory() == value)


@cache
def _reader(kind: Any) -> Reader:
    """What reads a value of a type of the model, checking it."""
    if is_dataclass(kind):
        return _record_reader(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        return _list_reader(_reader(inner[0]))
    if origin is Mapping:
        return _mapping_reader(_reader(inner[1]))
    if origin in {Union, UnionType}:
        return _optional_reader(_reader(next(item for item in inner if item is not NoneType)))
    if kind is datetime:
        return _read_time
    if issubclass(kind, Enum):
        return _enum_reader(kind)
    return _scalar_reader(kind)


def _record_reader(kind: Any) -> Reader:
    types = get_type_hints(kind)
    readers = {field.name: _reader(types[field.name]) for field in fields(kind)}
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}

    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise TableError(f"expected an object, found {_named(value)}")
        found = {}
        for name, item in value.items():
            if name not in readers:
                raise TableError("not known in this version", f".{name}")
            try:
                found[name] = readers[name](item)
            except TableError as exc:
                raise exc.inside(f".{name}") from None
        if not needed <= found.keys():
            raise TableError("missing", f".{min(needed - found.keys())}")
        return kind(**found)

    return read


def _list_reader(inner: Reader) -> Reader:
    def read(value: object) -> object:
        if not isinstance(value, list):
            raise TableError(f"expected a list, found {_named(value)}")
        found = []
        for place, item in enumerate(value):
            try:
                found.append(inner(item))
            except TableError as exc:
                raise exc.inside(f"[{place}]") from None
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


_KINDS = {str: "text", int: "a whole number", bool: "true or false", float: "a number"}


def _named(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."

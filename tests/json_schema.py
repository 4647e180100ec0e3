"""As much of JSON Schema (draft 2020-12) as our schemas use; a word that is not understood is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_WORDS = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "format",
     "minItems", "maxItems", "description", "title", "$schema"}
)  # fmt: skip


def problems(value: Any, schema: Mapping[str, Any], where: str = "$") -> Iterator[str]:
    """What is wrong with the value, each with its place."""
    if unknown := schema.keys() - _WORDS:
        raise AssertionError(f"the schema says {unknown} at {where}, which is not understood here")
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{where} is {value!r}, not {' or '.join(kinds)}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{where} is {value!r}, not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is {value!r}, not one of {schema['enum']}"
    if isinstance(value, dict):
        yield from _object(value, schema, where)
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{where} has {len(value)} items"
        for number, item in enumerate(value):
            yield from problems(item, schema.get("items", {}), f"{where}[{number}]")
    if isinstance(value, str) and schema.get("format") == "date-time":
        try:
            if datetime.fromisoformat(value).tzinfo is None:
                yield f"{where} has no zone: {value}"
        except ValueError:
            yield f"{where} is no time: {value}"


def _object(value: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
    known = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{where}.{name} is missing"
    for name, member in value.items():
        if name in known:
            yield from problems(member, known[name], f"{where}.{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{where}.{name} is not in the schema"
        elif isinstance(schema.get("additionalProperties"), dict):
            yield from problems(member, schema["additionalProperties"], f"{where}.{name}")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _KINDS[kind])

"""Reading the supervisor's status: whatever is missing or of another kind reads as nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shell.ports import Status

UNKNOWN = "unknown"


def table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = data.get(key)
    return found if isinstance(found, Mapping) else {}


def tables(data: Mapping[str, Any], key: str) -> tuple[Mapping[str, Any], ...]:
    found = data.get(key)
    return tuple(each for each in found if isinstance(each, Mapping)) if isinstance(found, list) else ()


def text(data: Mapping[str, Any], key: str) -> str:
    """Empty when it is not there."""
    found = data.get(key)
    return "" if found is None or isinstance(found, Mapping | list) else str(found)


def number(data: Mapping[str, Any], key: str) -> float | None:
    found = data.get(key)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def instant(data: Mapping[str, Any], key: str) -> datetime | None:
    """An ISO time with its zone."""
    try:
        found = datetime.fromisoformat(text(data, key))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def service(status: Status, name: str) -> Mapping[str, Any]:
    return next((each for each in tables(status, "services") if text(each, "name") == name), {})

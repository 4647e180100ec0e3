"""Reading the supervisor's status: what is known about the machine, and what is wrong with it. Pure.

Whatever is missing or of another kind reads as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shell.ports import Status

UNKNOWN = "unknown"
GOOD_STATES = frozenset({"ready", "running", "up", "active"})
DISK_FULL = 0.05
"""A part of the disk: less than this free needs somebody to act."""
MEMORY_FULL = 0.03
EDITIONS = {"ucm": "UCM", "express": "Express", "one": "One"}


@dataclass(frozen=True, slots=True)
class Facts:
    version: str
    edition: str
    hostname: str


def facts(status: Status) -> Facts:
    edition = text(status, "edition")
    return Facts(
        text(status, "version"), EDITIONS.get(edition, edition), text(table(status, "host"), "hostname")
    )


def problems(status: Status) -> tuple[str, ...]:
    """What needs somebody to act, the worst first; empty when all is well."""
    found = [
        f"{text(service, 'name') or 'a service'} is {text(service, 'state') or UNKNOWN}"
        for service in tables(status, "services")
        if text(service, "state") not in GOOD_STATES
    ]
    store = table(status, "store")
    if error := text(store, "error"):
        found.append(f"store: {error}")
    host = table(status, "host")
    for what, limit in (("disk", DISK_FULL), ("memory", MEMORY_FULL)):
        size, free = number(host, f"{what}_mb"), number(host, f"{what}_free_mb")
        if size and free is not None and free / size < limit:
            found.append(f"{what} nearly full: {free:.0f} MB free")
    found.extend(
        f"{text(job, 'name')} {text(job, 'last_result')}"
        for job in tables(status, "jobs")
        if text(job, "last_result").lower().startswith(("fail", "error"))
    )
    return tuple(found)


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

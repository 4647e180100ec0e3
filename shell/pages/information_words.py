"""How System Information writes what may not be known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shell.layout import duration
from shell.reading import UNKNOWN


def say(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    return UNKNOWN if value is None else str(value)


def or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def up_words(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else duration(seconds)


def free_words(host: Mapping[str, Any], what: str) -> str:
    """`what`: memory or disk."""
    size, free = host[f"{what}_mb"], host[f"{what}_free_mb"]
    if size is None or free is None:
        return UNKNOWN
    return f"{mb_words(free)} of {mb_words(size)} free"


def load_words(host: Mapping[str, Any]) -> str:
    if host["load"] is None:
        return UNKNOWN
    cpus = f" on {host['cpus']} CPUs" if host["cpus"] else ""
    return " ".join(f"{each:.2f}" for each in host["load"]) + cpus


def mb_words(megabytes: float) -> str:
    if megabytes < 10 and megabytes % 1:
        return f"{megabytes:.1f} MB"
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 10240 else f"{megabytes:.0f} MB"


def end_of(path: str, room: int) -> str:
    """Of a long path the end says most; all of it is in the JSON."""
    return path if len(path) <= room else "…" + path[1 - room :]

"""What traces are made of, as data: between processes, and for programs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from db.variables.states import Actor
from shell.reading import instant, text
from shell.trace.choice import EVERYTHING, Choice, decode, encode
from shell.trace_ports import Capture, Limits, Watcher


def encode_capture(capture: Capture) -> dict[str, object]:
    """Also what `show traces | json` shows."""
    return {
        "name": capture.name,
        "by": capture.by,
        "choice": encode(capture.choice),
        "started": capture.started.isoformat(),
        "ended": capture.ended.isoformat() if capture.ended else None,
        "reason": capture.reason,
        "size": capture.size,
        "records": capture.records,
        "lost": capture.lost,
        "watchers": capture.watchers,
    }


def decode_capture(found: object) -> Capture | None:
    """None for what is no capture."""
    if not isinstance(found, Mapping):
        return None
    started = instant(found, "started")
    if started is None:
        return None
    return Capture(
        name=text(found, "name"),
        by=text(found, "by"),
        choice=decode_choice(found.get("choice")),
        started=started,
        ended=instant(found, "ended"),
        reason=text(found, "reason"),
        size=_count(found.get("size")) or 0,
        records=_count(found.get("records")),
        lost=_count(found.get("lost")),
        watchers=_count(found.get("watchers")) or 0,
    )


def encode_watcher(watcher: Watcher) -> dict[str, object]:
    return {
        "user": watcher.user,
        "address": watcher.address,
        "since": watcher.since.isoformat(),
        "choice": encode(watcher.choice),
        "capture": watcher.capture,
        "missed": watcher.missed,
    }


def decode_watcher(found: object) -> Watcher | None:
    """None for what is nobody."""
    if not isinstance(found, Mapping):
        return None
    since: datetime | None = instant(found, "since")
    if since is None:
        return None
    return Watcher(
        user=text(found, "user"),
        address=text(found, "address"),
        since=since,
        choice=decode_choice(found.get("choice")),
        capture=text(found, "capture"),
        missed=_count(found.get("missed")) or 0,
    )


def encode_limits(limits: Limits | None) -> dict[str, object] | None:
    return {"seconds": limits.seconds, "size": limits.size} if limits else None


def decode_limits(found: object) -> Limits | None:
    """Raises ValueError for what is neither limits nor None."""
    if found is None:
        return None
    match found:
        case {"seconds": int() | float() as seconds, "size": int() as size}:
            return Limits(float(seconds), size)
    raise ValueError("limits are seconds and bytes")


def encode_actor(actor: Actor) -> dict[str, str]:
    return {"user": actor.user, "address": actor.address, "channel": actor.channel}


def decode_actor(found: object) -> Actor:
    """Raises ValueError."""
    match found:
        case {
            "user": str() as user,
            "address": str() as address,
            "channel": ("telnet" | "web" | "cli" | "system") as channel,
        }:
            return Actor(user[:100], address[:100], channel)
    raise ValueError("an actor has user, address and channel")


def decode_choice(found: object) -> Choice:
    """Everything for what is no choice."""
    try:
        return decode(found) if isinstance(found, Mapping) else EVERYTHING
    except ValueError:
        return EVERYTHING


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None

"""The supervisor's status as the page shows it. Pure; what is missing or of another kind reads as unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from shell.health import GOOD_STATES, facts, problems
from shell.layout import duration
from shell.peers import DOWN, UP, PeerState, peers
from shell.reading import UNKNOWN, instant, number, service, table, tables, text

Level = Literal["good", "warn", "bad", "quiet"]
"""How a word is coloured; the word says the same without the colour."""

ON_THE_WAY = frozenset({"starting", "stopping"})
NEARLY_FULL = 0.9


@dataclass(frozen=True, slots=True)
class Moment:
    """`iso` for machines, `shown` for people, `away` from now in words."""

    iso: str
    shown: str
    away: str


@dataclass(frozen=True, slots=True)
class ServiceRow:
    name: str
    state: str
    level: Level
    up: str
    restarts: str
    pid: str
    last_exit: str


@dataclass(frozen=True, slots=True)
class JobRow:
    name: str
    variable: str
    next: Moment | None
    last: Moment | None
    outcome: str
    """The first word of the last result, such as `done` or `failed`; empty if there is none yet."""
    detail: str
    level: Level


@dataclass(frozen=True, slots=True)
class Calls:
    """`percent` of the call legs in use, 0 … 100; None if the capacity is not known."""

    now: str
    legs: str
    capacity: str
    percent: float | None
    level: Level
    total: str
    peak: str
    refused: str
    media: str
    """The media server: its engine and its legs."""


@dataclass(frozen=True, slots=True)
class PeerRow:
    name: str
    address: str
    state: str
    level: Level
    since: Moment | None
    registration: str
    problem: str


@dataclass(frozen=True, slots=True)
class View:
    problems: tuple[str, ...]
    services: tuple[ServiceRow, ...]
    calls: Calls
    peers: tuple[PeerRow, ...]
    jobs: tuple[JobRow, ...]
    system: tuple[tuple[str, str], ...]
    store: tuple[tuple[str, str], ...]
    hostname: str
    at: Moment


def view(status: Mapping[str, Any], now: datetime, zone: ZoneInfo) -> View:
    """What the page shows of `status`, with times in `zone`."""
    return View(
        problems=problems(status),
        services=tuple(_service(each) for each in tables(status, "services")),
        calls=_calls(table(service(status, "router"), "facts"), table(service(status, "media"), "facts")),
        peers=tuple(_peer(each, now, zone) for each in peers(status)),
        jobs=tuple(_job(each, now, zone) for each in tables(status, "jobs")),
        system=_system(status, now, zone),
        store=_store(status),
        hostname=text(table(status, "host"), "hostname"),
        at=moment(now, now, zone, "%H:%M:%S"),
    )


def _service(found: Mapping[str, Any]) -> ServiceRow:
    state = text(found, "state") or UNKNOWN
    up = number(found, "uptime_s")
    return ServiceRow(
        name=text(found, "name") or UNKNOWN,
        state=state,
        level="good" if state in GOOD_STATES else "warn" if state in ON_THE_WAY else "bad",
        up=duration(up) if up is not None else "–",
        restarts=text(found, "restarts") or "0",
        pid=text(found, "pid") or "–",
        last_exit=text(found, "last_exit"),
    )


def _calls(found: Mapping[str, Any], media: Mapping[str, Any]) -> Calls:
    legs, capacity = number(found, "legs_in_use"), number(found, "capacity")
    part = legs / capacity if legs is not None and capacity else None
    level: Level = (
        "quiet" if part is None else "bad" if part >= 1 else "warn" if part >= NEARLY_FULL else "good"
    )
    return Calls(
        now=text(found, "calls_now") or "–",
        legs=text(found, "legs_in_use") or UNKNOWN,
        capacity=text(found, "capacity") or UNKNOWN,
        percent=None if part is None else round(100 * min(1.0, max(0.0, part)), 2),
        level=level,
        total=text(found, "calls_total") or "–",
        peak=text(found, "peak") or "–",
        refused=text(found, "refused_busy") or "–",
        media=_media(media),
    )


def _media(found: Mapping[str, Any]) -> str:
    engine = " ".join(part for part in (text(found, "engine"), text(found, "build")) if part)
    if not engine:
        return UNKNOWN
    return f"{engine}, {text(found, 'legs_in_use') or UNKNOWN} of {text(found, 'capacity') or UNKNOWN} legs"


def _peer(found: PeerState, now: datetime, zone: ZoneInfo) -> PeerRow:
    return PeerRow(
        name=found.name,
        address=found.address,
        state=found.state,
        level="good" if found.state == UP else "bad" if found.state == DOWN else "quiet",
        since=moment(found.since, now, zone) if found.since else None,
        registration=found.registration,
        problem=found.problem,
    )


def _job(found: Mapping[str, Any], now: datetime, zone: ZoneInfo) -> JobRow:
    due, last = instant(found, "next_run"), instant(found, "last_run")
    outcome, _, detail = text(found, "last_result").partition(": ")
    return JobRow(
        name=text(found, "name") or UNKNOWN,
        variable=text(found, "variable"),
        next=moment(due, now, zone) if due else None,
        last=moment(last, now, zone) if last else None,
        outcome=outcome,
        detail=detail or ("" if outcome else "–"),
        level=_level(outcome),
    )


def _level(outcome: str) -> Level:
    match outcome.lower().split():
        case []:
            return "quiet"
        case ["failed" | "error", *_]:
            return "bad"
        case ["missed" | "skipped", *_]:
            return "warn"
        case _:
            return "good"


def _system(status: Mapping[str, Any], now: datetime, zone: ZoneInfo) -> tuple[tuple[str, str], ...]:
    known, host = facts(status), table(status, "host")
    started = instant(status, "started")
    rows = [
        ("Version", known.version),
        ("Edition", known.edition),
        ("Running since", moment(started, now, zone).shown if started else ""),
        ("Memory", _free(host, "memory")),
        ("Disk", _free(host, "disk")),
        ("Time zone", zone.key),
    ]
    return tuple((label, value) for label, value in rows if value)


def _store(status: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    store, spool = table(status, "store"), table(status, "spool")
    return (
        ("Address", text(store, "url_shown") or UNKNOWN),
        ("Revision", text(store, "revision") or UNKNOWN),
        ("Schema", text(store, "schema") or UNKNOWN),
        ("Call records to store", text(spool, "pending") or UNKNOWN),
    )


def _free(host: Mapping[str, Any], what: str) -> str:
    size, free = number(host, f"{what}_mb"), number(host, f"{what}_free_mb")
    if size is None or free is None:
        return ""
    return f"{_size(free)} of {_size(size)} free"


def _size(megabytes: float) -> str:
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 10240 else f"{megabytes:.0f} MB"


def moment(at: datetime, now: datetime, zone: ZoneInfo, shape: str = "%a %d %b %Y, %H:%M") -> Moment:
    local = at.astimezone(zone)
    away = at - now
    if away > timedelta(0):
        words = f"in {duration(away.total_seconds())}"
    else:
        words = f"{duration(-away.total_seconds())} ago"
    return Moment(local.isoformat(timespec="seconds"), f"{local:{shape}}", words)

"""The status that everybody is shown: put together from what is known, waiting for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from appliance.lifecycle import State
from appliance.processes import Figures
from appliance.services.ports import Unit, UnitState
from router.model import Peer
from shell.clock_data import encode
from shell.clock_ports import ClockState


@dataclass(frozen=True, slots=True)
class About:
    """What does not change while the supervisor lives. `peers`: as they are configured.
    `started_because`: empty when nothing is known that somebody should be told."""

    version: str
    edition: str
    started: datetime
    listen: str
    ports: Mapping[str, int]
    state: Path
    peers: tuple[Peer, ...] = ()
    started_because: str = ""


@dataclass(frozen=True, slots=True)
class StoreState:
    """`error`: why the store cannot be had just now; empty when it can. `size_bytes`: 0 where only a server
    knows. `sound`: what the self test found when it looked last, `looked_at`; None before."""

    url_shown: str
    revision: int | None
    schema: str | None
    error: str = ""
    size_bytes: int = 0
    sound: bool | None = None
    looked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """What surrounds the services. `figures`: of processes, by pid; `own_pid`, `own_since` (monotonic
    seconds): of the supervisor. `alarms`: the last warnings and errors, newest first."""

    host: Mapping[str, object]
    network: Mapping[str, object] = field(default_factory=dict)
    certificates: Sequence[Mapping[str, object]] = ()
    figures: Mapping[int, Figures] = field(default_factory=dict)
    own_pid: int = 0
    own_since: float = 0.0
    alarms: Sequence[Mapping[str, object]] = ()


def status(
    about: About,
    *,
    services: Sequence[tuple[UnitState, Mapping[str, object]]],
    jobs: Sequence[Mapping[str, object]],
    store: StoreState,
    pending: int,
    around: Around,
    now: float,
    clock: ClockState | None = None,
    journal: Mapping[str, object] = MappingProxyType({}),
    targets: Sequence[Mapping[str, object]] = (),
    updates: Mapping[str, object] = MappingProxyType({}),
) -> dict[str, object]:
    """The reply to the request "status". `services` with their facts; `now`: monotonic seconds. `clock`: None
    while it is not known."""
    return {
        "version": about.version,
        "edition": about.edition,
        "started": about.started.isoformat(),
        "started_because": about.started_because,
        "listen": about.listen,
        "ports": dict(about.ports),
        "state": str(about.state),
        "peers": _peers(about.peers, next((facts for unit, facts in services if _is_router(unit)), {})),
        "services": [_service(unit, facts, around.figures, now) for unit, facts in services],
        "supervisor": {
            "pid": around.own_pid,
            "uptime_s": round(now - around.own_since, 1),
            **_taken(around.figures.get(around.own_pid)),
        },
        "jobs": list(jobs),
        "store": _store(store),
        "journal": dict(journal),
        "backup_targets": [dict(each) for each in targets],
        "updates": dict(updates),
        "spool": {"pending": pending},
        "host": dict(around.host),
        "network": dict(around.network),
        "certificates": [dict(each) for each in around.certificates],
        "alarms": [dict(each) for each in around.alarms],
        "clock": encode(clock) if clock else None,
    }


def _is_router(unit: UnitState) -> bool:
    return unit.unit is Unit.ROUTER and unit.state is State.READY


def _peers(configured: Sequence[Peer], router: Mapping[str, object]) -> list[dict[str, object]]:
    """What the router tells of each peer, and of one that it does not know, why: its name has no address."""
    told = router.get("peers")
    known = {one.get("name"): one for one in told if isinstance(one, dict)} if isinstance(told, list) else {}
    return [_peer(peer, known.get(peer.name), asked=isinstance(told, list)) for peer in configured]


def _peer(peer: Peer, told: Mapping[str, object] | None, *, asked: bool) -> dict[str, object]:
    found = told or {}
    problem = f"host {peer.host} has no known address" if asked and told is None else ""
    return {
        "name": peer.name,
        "address": f"{peer.host}:{peer.port}",
        "transport": peer.transport,
        "priority": peer.priority,
        "state": found.get("state", "unknown"),
        "since": found.get("since"),
        "registered": found.get("registered") is True if peer.register else None,
        "problem": found.get("problem") or problem,
    }


def _service(
    unit: UnitState, facts: Mapping[str, object], figures: Mapping[int, Figures], now: float
) -> dict[str, object]:
    return {
        "name": unit.unit.value,
        "state": unit.state.value,
        "pid": unit.pid,
        "uptime_s": round(now - unit.since, 1) if unit.state is State.READY else None,
        "restarts": unit.restarts,
        "last_exit": unit.last_exit,
        **_taken(figures.get(unit.pid) if unit.pid else None),
        "facts": dict(facts) if unit.state is State.READY else {},
    }


def _taken(figures: Figures | None) -> dict[str, object]:
    """What a process takes; nothing is known of one that is gone."""
    return {
        "memory_mb": figures.rss_mb if figures else None,
        "cpu_percent": figures.cpu_percent if figures else None,
        "cpu_s": figures.cpu_s if figures else None,
    }


def _store(store: StoreState) -> dict[str, object]:
    shown: dict[str, object] = {
        "url_shown": store.url_shown,
        "revision": store.revision,
        "schema": store.schema,
        "size_mb": round(store.size_bytes / (1 << 20), 1) or None,
        "sound": store.sound,
        "looked_at": store.looked_at.isoformat() if store.looked_at else None,
    }
    return {**shown, "error": store.error} if store.error else shown

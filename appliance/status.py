"""The status that everybody is shown: put together from what is known, waiting for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.lifecycle import State
from appliance.services.ports import Unit, UnitState
from router.model import Peer
from shell.clock_data import encode
from shell.clock_ports import ClockState


@dataclass(frozen=True, slots=True)
class About:
    """What does not change while the supervisor lives. `peers`: as they are configured."""

    version: str
    edition: str
    started: datetime
    listen: str
    ports: Mapping[str, int]
    state: Path
    peers: tuple[Peer, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreState:
    """`error`: why the store cannot be had just now; empty when it can."""

    url_shown: str
    revision: int | None
    schema: str | None
    error: str = ""


def status(
    about: About,
    *,
    services: Sequence[tuple[UnitState, Mapping[str, object]]],
    jobs: Sequence[Mapping[str, object]],
    store: StoreState,
    pending: int,
    host: Mapping[str, object],
    now: float,
    clock: ClockState | None = None,
) -> dict[str, object]:
    """The reply to the request "status". `services` with their facts; `now`: monotonic seconds. `clock`: None
    while it is not known."""
    return {
        "version": about.version,
        "edition": about.edition,
        "started": about.started.isoformat(),
        "listen": about.listen,
        "ports": dict(about.ports),
        "state": str(about.state),
        "peers": _peers(about.peers, next((facts for unit, facts in services if _is_router(unit)), {})),
        "services": [_service(unit, facts, now) for unit, facts in services],
        "jobs": list(jobs),
        "store": _store(store),
        "spool": {"pending": pending},
        "host": dict(host),
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


def _service(unit: UnitState, facts: Mapping[str, object], now: float) -> dict[str, object]:
    return {
        "name": unit.unit.value,
        "state": unit.state.value,
        "pid": unit.pid,
        "uptime_s": round(now - unit.since, 1) if unit.state is State.READY else None,
        "restarts": unit.restarts,
        "last_exit": unit.last_exit,
        "facts": dict(facts) if unit.state is State.READY else {},
    }


def _store(store: StoreState) -> dict[str, object]:
    shown: dict[str, object] = {
        "url_shown": store.url_shown,
        "revision": store.revision,
        "schema": store.schema,
    }
    return {**shown, "error": store.error} if store.error else shown

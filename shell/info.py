"""System Information as data, in the shape that docs/info.schema.json promises to programs. Pure.

Nothing is made up: what is not known is null, and what cannot be is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.variables.states import Change
from shell import clock_data, peers
from shell.health import problems
from shell.pages.words import change_data
from shell.ports import Status
from shell.reading import number, service, table, tables, text
from shell.sessions_ports import SessionState

FORMAT = 1
Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known besides the supervisor's status. `unreachable`: why there is no status; empty when there
    is one. `telnet`: facts of the Telnet server; None where nobody asks over Telnet."""

    at: datetime
    version: str = ""
    unreachable: str = ""
    telnet: Mapping[str, object] | None = None
    people: Sequence[SessionState] = ()
    changes: Sequence[Change] = ()


def info(status: Status, sight: Sight) -> Data:
    """JSON as it stands. `status` may be empty, or of another version: what is missing is null."""
    wrong = [sight.unreachable] if sight.unreachable else list(problems(status))
    router = table(service(status, "router"), "facts")
    media = table(service(status, "media"), "facts")
    return {
        "format": FORMAT,
        "at": sight.at.isoformat(),
        "ok": not wrong,
        "problems": wrong,
        "product": {
            "name": "Callisto",
            "version": text(status, "version") or sight.version or None,
            "edition": text(status, "edition") or None,
            "started": text(status, "started") or None,
        },
        "host": _host(table(status, "host")),
        "network": _network(status),
        "clock": _clock(status),
        "processes": [_supervisor(status), *map(_process, tables(status, "services"))],
        "calls": _wholes(router, _CALLS) if router else None,
        "media": {
            "engine": _word(media, "engine"),
            "build": _word(media, "build"),
            **_wholes(media, ("legs_in_use", "capacity")),
        }
        if media
        else None,
        "routing_table": {
            "of": _word(router, "table_of"),
            **_wholes(router, ("revision", "groups")),
        }
        if router
        else None,
        "peers": [
            _peer(each, raw) for each, raw in zip(peers.peers(status), tables(status, "peers"), strict=True)
        ],
        "store": _store(table(status, "store")),
        "journal": _journal(table(status, "journal")),
        "spool": {"pending": _whole(table(status, "spool"), "pending")},
        "updates": _updates(table(status, "updates")),
        "certificates": [_certificate(each) for each in tables(status, "certificates")],
        "jobs": [{key: _word(each, key) for key in _JOB} for each in tables(status, "jobs")],
        "telnet": _telnet(sight.telnet),
        "logged_in": [_person(each) for each in sight.people],
        "last_alarms": [{key: text(each, key) for key in _ALARM} for each in tables(status, "alarms")],
        "last_changes": [change_data(each) for each in sight.changes],
    }


_CALLS = ("calls_now", "calls_total", "peak", "refused_busy", "legs_in_use", "capacity")
_JOB = ("name", "variable", "next_run", "last_run", "last_result")
_BUNDLE = ("name", "kind", "version", "state")
_ALARM = ("at", "process", "level", "text")
_HOST = ("cpus", "memory_mb", "memory_free_mb", "disk_mb", "disk_free_mb")


def _host(host: Mapping[str, Any]) -> Data:
    load = host.get("load")
    fine = isinstance(load, list) and len(load) == 3 and all(isinstance(each, int | float) for each in load)
    return {
        "hostname": _word(host, "hostname"),
        "python": _word(host, "python"),
        "uptime_s": number(host, "uptime_s"),
        **_wholes(host, _HOST),
        "load": load if fine else None,
    }


def _network(status: Status) -> Data:
    found = table(status, "network")
    ports = table(status, "ports")
    return {
        "listen": _word(status, "listen"),
        "ports": {key: _whole(ports, key) for key in ports if number(ports, key) is not None},
        "gateway": _word(found, "gateway"),
        "name_servers": _texts(found, "name_servers"),
        "interfaces": [
            {
                "name": text(each, "name"),
                "up": each.get("up") if isinstance(each.get("up"), bool) else None,
                "addresses": _texts(each, "addresses"),
            }
            for each in tables(found, "interfaces")
        ],
    }


def _clock(status: Status) -> Data | None:
    state = clock_data.decode(status.get("clock"))
    return clock_data.encode(state) if state else None


def _supervisor(status: Status) -> Data:
    """It answers, so it runs; who restarts it does not tell us."""
    found = table(status, "supervisor")
    return {
        "name": "supervisor",
        "state": "ready" if found else "unknown",
        "pid": _whole(found, "pid"),
        "uptime_s": number(found, "uptime_s"),
        "restarts": None,
        "last_exit": None,
        **_taken(found),
    }


def _process(found: Mapping[str, Any]) -> Data:
    return {
        "name": text(found, "name"),
        "state": text(found, "state") or "unknown",
        "pid": _whole(found, "pid"),
        "uptime_s": number(found, "uptime_s"),
        "restarts": _whole(found, "restarts"),
        "last_exit": _word(found, "last_exit"),
        **_taken(found),
    }


def _taken(found: Mapping[str, Any]) -> Data:
    return {
        "memory_mb": _whole(found, "memory_mb"),
        "cpu_percent": number(found, "cpu_percent"),
        "cpu_s": number(found, "cpu_s"),
    }


def _peer(peer: peers.PeerState, raw: Mapping[str, Any]) -> Data:
    return {
        "name": peer.name,
        "address": peer.address,
        "transport": _word(raw, "transport"),
        "priority": _whole(raw, "priority"),
        "state": peer.state,
        "since": peer.since.isoformat() if peer.since else None,
        "registered": {"registered": True, "not registered": False}.get(peer.registration),
        "problem": peer.problem or None,
    }


def _store(store: Mapping[str, Any]) -> Data:
    sound = store.get("sound")
    return {
        "url": _word(store, "url_shown"),
        "revision": _whole(store, "revision"),
        "schema": _word(store, "schema"),
        "size_mb": number(store, "size_mb"),
        "sound": sound if isinstance(sound, bool) else None,
        "looked_at": _word(store, "looked_at"),
        "error": _word(store, "error"),
    }


def _journal(found: Mapping[str, Any]) -> Data | None:
    """None where the store has none of ours."""
    if not found:
        return None
    return {
        **{key: _whole(found, key) for key in ("generation", "snapshots", "free_mb")},
        **{key: _word(found, key) for key in ("snapshot_at", "looked_at", "problem", "remedy")},
        **{key: number(found, key) for key in ("snapshot_mb", "journal_mb")},
        "compared": found.get("compared") is True,
    }


def _updates(found: Mapping[str, Any]) -> Data | None:
    if not found:
        return None
    planned, under_way = table(found, "planned"), table(found, "under_way")
    return {
        **{key: _word(found, key) for key in ("slot", "application", "base")},
        "bundles": [{key: text(each, key) for key in _BUNDLE} for each in tables(found, "bundles")],
        "planned": {key: _word(planned, key) for key in ("name", "at")} if planned else None,
        "under_way": {
            **{key: _word(under_way, key) for key in ("what", "name", "doing")},
            "percent": _whole(under_way, "percent"),
        }
        if under_way
        else None,
    }


def _certificate(found: Mapping[str, Any]) -> Data:
    return {
        **{key: _word(found, key) for key in ("setting", "subject", "expires", "problem")},
        "days_left": _whole(found, "days_left"),
    }


def _telnet(found: Mapping[str, object] | None) -> Data | None:
    if found is None:
        return None
    counts = _wholes(found, ("port", "tls_port", "outside", "sessions", "limit", "peak", "refused"))
    return {**counts, "tls_fingerprint": _word(found, "tls_fingerprint")}


def _person(one: SessionState) -> Data:
    return {
        "user": one.user,
        "roles": sorted(one.roles),
        "address": one.address,
        "since": one.since.isoformat(),
        "idle_s": round(one.idle_s, 1),
        "front_end": one.front_end,
        "encryption": one.encryption or None,
        "doing": one.doing or None,
    }


def _wholes(found: Mapping[str, Any], keys: Sequence[str]) -> Data:
    return {key: _whole(found, key) for key in keys}


def _whole(found: Mapping[str, Any], key: str) -> int | None:
    value = number(found, key)
    return None if value is None else int(value)


def _word(found: Mapping[str, Any], key: str) -> str | None:
    return text(found, key) or None


def _texts(found: Mapping[str, Any], key: str) -> list[str]:
    value = found.get(key)
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []

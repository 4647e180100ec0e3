"""The clock as data: between processes, and for programs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shell.clock_ports import ClockState, ServerCheck
from shell.reading import instant, number, text


def encode(state: ClockState) -> dict[str, object]:
    """The reply to the request "clock", that part of the status, and what `show clock | json` shows."""
    return {
        "now": state.now.isoformat(),
        "zone": state.zone,
        "settable": not state.refusal,
        "refusal": state.refusal,
        "way_out": state.way_out,
        "sync": state.sync,
        "in_step": state.in_step,
        "using": state.using,
        "server": state.server,
        "check": encode_check(state.check) if state.check else None,
    }


def decode(found: object) -> ClockState | None:
    """None for what is no state."""
    now = instant(found, "now") if isinstance(found, Mapping) else None
    if now is None or not isinstance(found, Mapping):
        return None
    server = found.get("server")
    return ClockState(
        now=_in_zone(now, text(found, "zone")),
        zone=text(found, "zone"),
        refusal=text(found, "refusal"),
        way_out=text(found, "way_out"),
        sync=_yes_no(found.get("sync")),
        in_step=_yes_no(found.get("in_step")),
        using=text(found, "using"),
        server=server if isinstance(server, str) else None,
        check=decode_check(found.get("check")),
    )


def _in_zone(at: datetime, zone: str) -> datetime:
    """With the name of its zone, which an ISO time has lost."""
    try:
        return at.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return at


def encode_check(check: ServerCheck) -> dict[str, object]:
    return {
        "server": check.server,
        "at": check.at.isoformat(),
        "problem": check.problem,
        "offset_s": check.offset_s,
        "stratum": check.stratum,
    }


def decode_check(found: object) -> ServerCheck | None:
    if not isinstance(found, Mapping):
        return None
    at, stratum = instant(found, "at"), number(found, "stratum")
    return ServerCheck(
        text(found, "server"),
        at or datetime.fromtimestamp(0, UTC),
        text(found, "problem"),
        number(found, "offset_s"),
        None if stratum is None else int(stratum),
    )


def _yes_no(found: object) -> bool | None:
    return found if isinstance(found, bool) else None

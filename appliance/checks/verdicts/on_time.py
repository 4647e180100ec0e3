"""The clock, and what ends at its time: the certificates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance.checks.verdicts.finding import Finding, ok, skipped

OFFSET_WARN, OFFSET_FAIL = 1.0, 60.0
"""Seconds."""
CERTIFICATE_WARN = timedelta(days=30)
_RENEW = "put a new certificate in its place, and restart the appliance"


@dataclass(frozen=True, slots=True)
class Certificate:
    """`what`: the setting that names it. `problem`: why `expires` is not known."""

    what: str
    subject: str = ""
    expires: datetime | None = None
    problem: str = ""


def time_in_step(server: str, problem: str, offset_s: float | None) -> Finding:
    """`problem`: why the server gave no time."""
    if not server:
        return skipped("there is no time server", "set gTimeServer NAME")
    if problem or offset_s is None:
        return Finding(
            "warn",
            f"{server} gives no time: {problem or 'it said nothing'}",
            "check gTimeServer, and that UDP port 123 may go out",
        )
    found = f"{abs(offset_s):.3f} s {'behind' if offset_s > 0 else 'ahead of'} {server}"
    if abs(offset_s) <= OFFSET_WARN:
        return ok(found)
    return Finding(
        "fail" if abs(offset_s) > OFFSET_FAIL else "warn",
        found,
        "clock sync on keeps the time by the server; clock set puts it right by hand",
    )


def certificates(known: Sequence[Certificate], now: datetime) -> Finding:
    if not known:
        return skipped("no certificate is configured")
    for one in known:
        if one.problem or one.expires is None:
            return Finding("fail", f"{one.what}: {one.problem or 'no end'}", "put a readable PEM file there")
    first = min(known, key=lambda one: one.expires or now)
    assert first.expires is not None
    left = first.expires - now
    found = f"{first.what} ({first.subject or 'no name'}) ends on {first.expires:%Y-%m-%d}"
    if left <= timedelta(0):
        return Finding("fail", f"{found}: it has expired", _RENEW)
    if left <= CERTIFICATE_WARN:
        return Finding("warn", f"{found}, in {left.days} days", _RENEW)
    return ok(f"{found}, in {left.days} days")

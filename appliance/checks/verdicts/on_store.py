"""The store, and what goes into it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from appliance.checks.verdicts.finding import Finding, ok

JOURNAL_LEAST_MB = 100
SPOOL_WARN = 1000
"""Call records that wait: some wait for a second in ordinary work."""


def store(findings: Sequence[str], size_mb: float, took_s: float) -> Finding:
    if not findings:
        return ok(f"sound; {size_mb:.1f} MB looked through in {took_s:.1f} s")
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return Finding(
        "fail",
        f"damaged: {findings[0]}{more}",
        "calls go on by the last table; keep the store's files as they are, and put a good copy in place",
    )


def foreign_keys(broken: Sequence[str]) -> Finding:
    if not broken:
        return ok("every row that is referred to is there")
    return Finding(
        "fail",
        f"rows refer to what is not there: {', '.join(broken[:3])}",
        "callisto export writes what can be read; import of the mended file makes it whole",
    )


def journal(
    problem: str, remedy: str, looked_at: datetime | None, free_mb: int, snapshot_mb: float
) -> Finding:
    """`looked_at`: when the store was compared with it last; None: not yet. `free_mb`: on its disk."""
    if problem:
        return Finding("fail", problem, remedy)
    if free_mb < JOURNAL_LEAST_MB + 2 * snapshot_mb:
        room = "make room there: a change that cannot be written down in the journal is refused"
        return Finding("warn", f"{free_mb} MB free on its disk", room)
    if looked_at is None:
        return ok("begun; it is compared with the store each night")
    return ok(f"compared with the store at {looked_at.astimezone():%Y-%m-%d %H:%M}")


def backups(
    names: Sequence[str], late: Sequence[tuple[str, int]], failed: Sequence[tuple[str, str]]
) -> Finding:
    """`late`: with the days since the last good one; `failed`: with what came of the last attempt."""
    if late:
        said = "; ".join(f"none on {name} for {days} days" for name, days in late)
        return Finding("fail", said, f"target test {late[0][0]} says what is wrong there")
    if failed:
        said = "; ".join(f"{name} {result}" for name, result in failed)
        return Finding("warn", said, f"target test {failed[0][0]} says what is wrong there")
    return ok(f"as planned on {', '.join(names)}")


def call_records(pending: int, failed: int, error: str) -> Finding:
    if error:
        remedy = "they wait in the spool and are taken in when the store is back"
        return Finding("warn", f"{pending} wait: {error}", remedy)
    if failed:
        return Finding(
            "fail",
            f"{failed} could not be written",
            "look at room and rights of the folder spool in the state",
        )
    if pending > SPOOL_WARN:
        return Finding(
            "warn", f"{pending} wait to be stored", "if they grow, the store is too slow: its disk?"
        )
    return ok(f"{pending} wait to be stored" if pending else "all are in the store")

"""A finding: good, worth a look, or bad, and then with a remedy."""

from __future__ import annotations

from dataclasses import dataclass

from shell.checks_ports import CheckState


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found. One that is "warn" or "fail" has a remedy."""

    state: CheckState
    found: str
    remedy: str = ""


def ok(found: str) -> Finding:
    return Finding("ok", found)


def skipped(why: str, remedy: str = "") -> Finding:
    return Finding("skipped", why, remedy)

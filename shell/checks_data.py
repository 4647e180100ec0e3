"""The self test as data: between processes, and for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from shell.checks_ports import STATES, CheckResult, CheckState
from shell.reading import number, text

assert get_args(CheckState) == STATES


def encode(result: CheckResult) -> dict[str, object]:
    return {
        "name": result.name,
        "state": result.state,
        "found": result.found,
        "remedy": result.remedy,
        "took_s": round(result.took_s, 3),
    }


def decode(found: object) -> CheckResult | None:
    """None for what is no result."""
    if not isinstance(found, Mapping) or not text(found, "name"):
        return None
    state = next((each for each in STATES if each == found.get("state")), None)
    if state is None:
        return None
    took = number(found, "took_s") or 0.0
    return CheckResult(text(found, "name"), state, text(found, "found"), text(found, "remedy"), took)


def decode_all(found: object) -> tuple[CheckResult, ...]:
    results = (decode(each) for each in found) if isinstance(found, list) else ()
    return tuple(each for each in results if each is not None)


def passed(results: Iterable[CheckResult]) -> bool:
    """Nothing failed; warnings are no failures."""
    return all(each.state != "fail" for each in results)


def summary(results: Sequence[CheckResult]) -> str:
    """`21 checks: 19 ok, 1 warning, 1 failed`."""
    names = {"ok": "ok", "warn": "with a warning", "fail": "failed", "skipped": "skipped"}
    counts = [(sum(each.state == state for each in results), names[state]) for state in STATES]
    return f"{len(results)} checks: " + ", ".join(f"{count} {name}" for count, name in counts if count)


def report(results: Sequence[CheckResult]) -> dict[str, object]:
    """For programs: `show selftest | json`, `callisto selftest --json`, and the support bundle."""
    return {"ok": passed(results), "checks": [encode(each) for each in results]}

"""A very large office: what a decision takes and how long a call waits for a new table, of `table_swap`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.page import Section, at_most
from tests.bench.systems import AbsentError
from tests.bench.table_swap import MOST_WAIT_MS

DECISION_US = 50.0
WITHIN_S = 180
ROOT = Path(__file__).parents[2]


def measure(_: str, folder: Path, conditions: Sequence[str]) -> Section:
    """In a process of its own, as the router has one: memory and collector are part of what is measured."""
    figures = folder / "figures.json"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tests.bench.table_swap", "--json", str(figures)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    if not figures.exists():
        raise AbsentError(done.stderr.strip().rpartition("\n")[2] or "it ended without figures")
    found = json.loads(figures.read_text())
    warm, cold = found["warm_us"], found["cold_us"]
    marks = (
        at_most(f"a decision takes at most {DECISION_US:g} µs (p50)", warm[0], DECISION_US, "µs"),
        at_most(
            f"no call waits longer than {MOST_WAIT_MS:g} ms for a new table",
            found["waited_ms"],
            MOST_WAIT_MS,
            "ms",
        ),
    )
    text = (
        f"Decisions, of 20,000: {warm[1]:.0f} µs (p99), {warm[2]:.0f} µs at most; the first for a group"
        " after a new"
        f" table, whose tables of numbers are made then: {cold[0]:.0f} µs (p50), {cold[1]:.0f} µs (p99)."
        " The loop of the"
        f" supervisor stands still for {found['supervisor_ms']:.0f} ms at most while it publishes such an"
        " office."
    )
    return Section("decisions", tuple(conditions), marks, text)

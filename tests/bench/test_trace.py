"""What is concluded from a run of viewers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from shell.trace.choice import EVERYTHING
from shell.trace_ports import Capture
from tests.bench.__main__ import MEASURES, PARTS, options_of
from tests.bench.trace import RATE, Run, marks, words

SENT = 8 * RATE


def capture(records: int = SENT + 1, lost: int = 0) -> Capture:
    return Capture("name", "admin", EVERYTHING, datetime.now(UTC), None, "", 0, records, lost)


def run(captures: Sequence[Capture] = (capture(),), **otherwise: Any) -> Run:
    found = {
        "good": [SENT] * 4,
        "good_missed": [0] * 4,
        "stalled": [2000] * 4,
        "stalled_missed": [SENT - 1999] * 4,
        "delays_s": [0.02] * 100,
    }
    load = {"supervisor": 0.2, "shell": 0.4}
    return Run(SENT, 8.0, {**found, **otherwise}, captures, load, dict.fromkeys(load, 1.0), [2.0] * 80)


def missed(**otherwise: Any) -> list[str]:
    return [mark.text.partition(",")[0] for mark in marks(run(**otherwise)) if mark.met is False]


def test_all_is_well_when_nothing_is_lost() -> None:
    assert missed() == []


def test_every_loss_is_a_mark_missed() -> None:
    read = "the 4 viewers who read lose nothing"
    assert missed(good=[SENT, SENT, SENT, SENT - 1]) == [read]
    assert missed(good_missed=[0, 0, 0, 1]) == [read]
    (stalled,) = missed(stalled_missed=[SENT - 2001] * 4)
    assert "stalled" in stalled
    assert missed(stalled=[SENT] * 4, stalled_missed=[0] * 4) == [stalled]
    assert missed(captures=[capture(SENT - 1)]) == ["the capture has every record"]
    assert missed(captures=[capture(lost=1)]) == ["the capture has every record"]
    assert missed(captures=[]) == ["the capture has every record"]
    assert missed(delays_s=[5.0] * 100) == ["shown after"]


def test_cpu_and_delay_are_told() -> None:
    said = words(run())
    assert "20 ms" in said
    assert "| supervisor | 20 % |" in said


def test_the_part_can_be_asked_for() -> None:
    assert options_of(["--trace"]).parts == ["trace"]
    assert {part.name for part in PARTS} == set(MEASURES)

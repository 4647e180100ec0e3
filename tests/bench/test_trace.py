"""What is concluded from a run of viewers."""

from __future__ import annotations

from typing import Any

from shell.trace_ports import RING
from tests.bench.__main__ import MEASURES, PARTS, options_of
from tests.bench.trace import RATE, Run, marks, words

SENT = 8 * RATE


def run(**otherwise: Any) -> Run:
    found = {
        "good": [SENT] * 4,
        "good_missed": [0] * 4,
        "stalled": [RING] * 4,
        "stalled_missed": [SENT - RING + 1] * 4,
        "delays_s": [0.02] * 100,
        "captured": [SENT + 1],
        "capture_lost": [0],
    }
    load = {"supervisor": 0.2, "viewers' process": 0.4}
    return Run(SENT, 8.0, {**found, **otherwise}, load, dict.fromkeys(load, 1.0), [2.0] * 80)


def missed(**otherwise: Any) -> list[str]:
    return [mark.text.split()[0] for mark in marks(run(**otherwise)) if mark.met is False]


def test_all_is_well_when_nothing_is_lost() -> None:
    assert missed() == []


def test_every_loss_is_a_mark_missed() -> None:
    assert missed(good=[SENT, SENT, SENT, SENT - 1]) == ["the"]
    assert missed(good_missed=[0, 0, 0, 1]) == ["the"]
    assert missed(stalled_missed=[SENT - RING - 1] * 4) == ["a"]
    assert missed(stalled=[RING + 1] * 4) == ["a"]
    assert missed(captured=[SENT - 1]) == ["the"]
    assert missed(capture_lost=[1]) == ["the"]
    assert missed(delays_s=[5.0] * 100) == ["shown"]


def test_cpu_and_delay_are_told() -> None:
    said = words(run())
    assert "20 ms" in said
    assert "| supervisor | 20 % |" in said


def test_the_part_can_be_asked_for() -> None:
    assert options_of(["--trace"]).parts == ["trace"]
    assert {part.name for part in PARTS} == set(MEASURES)

"""That the measurement of the salvage measures."""

from __future__ import annotations

from pathlib import Path

from tests.bench.salvage import measure


def test_a_small_store_is_measured(tmp_path: Path) -> None:
    only = ("page 1", "8 random", "log deleted")
    section = measure("", tmp_path, ("here",), 400, (1,), "", only)
    assert [mark.met for mark in section.marks[:3]] == [True, True, True], section
    assert "| page 1 random | 100.000 % |" in section.text
    assert "| log deleted |" in section.text

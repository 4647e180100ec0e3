"""The bench of compacting measures what it says, on a small store."""

from __future__ import annotations

from pathlib import Path

from tests.bench import compact


def test_a_writer_of_another_process_measures_how_long_he_waits(tmp_path: Path) -> None:
    section = compact.measure("", tmp_path / "compact", ("here",), calls=6000)
    assert [mark.met for mark in section.marks] == [True]
    assert "rows were deleted" in section.text
    assert " 0 rows" not in section.text

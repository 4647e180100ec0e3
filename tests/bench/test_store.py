"""The bench of writes measures what it says, in a short run."""

from __future__ import annotations

from pathlib import Path

from tests.bench import store


def test_writes_are_measured_with_and_without_the_journal(tmp_path: Path) -> None:
    section = store.measure("", tmp_path / "store", ("here",), small=20, batches=2, seconds=0.2)
    assert [mark.text.partition(" ")[0] for mark in section.marks] == ["the", "4"]
    assert all(mark.met is not None for mark in section.marks)
    assert "| a row, without the journal | 20 |" in section.text
    assert list((tmp_path / "store" / "four-journal" / "journal").glob("*.jnl"))
    assert not (tmp_path / "store" / "four" / "journal").exists()

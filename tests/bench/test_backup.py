"""The bench of backups measures what it says, on a small store."""

from __future__ import annotations

from pathlib import Path

from tests.bench import backup


def test_a_process_of_its_own_makes_it_and_its_memory_is_told(tmp_path: Path) -> None:
    section = backup.measure("", tmp_path, ("here",), calls=2000, media_mb=20)
    assert [mark.text.startswith(("a backup", "it takes")) for mark in section.marks] == [True, True]
    assert "MB/s" in section.marks[0].measured
    assert section.marks[1].met

"""The bench of the shell in small: it measures what it says, whatever the figures."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.bench import shell


def test_a_short_bench_of_the_shell_has_every_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "GUESSERS", 5)
    with shell._server(tmp_path) as server:
        section = asyncio.run(shell._measured(*server, (), line=6, seconds=1.0))
    assert len(section.marks) == 5
    assert all(mark.met is not None for mark in section.marks)
    assert "8 rich |" in section.text
    assert "6 line |" in section.text
    assert "beside 5 wrong logins |" in section.text

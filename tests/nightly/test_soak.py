"""The soak in small, so that it still works on the night when it is needed."""

from __future__ import annotations

import os
from pathlib import Path

from tests import needs
from tests.nightly.soak import KINDS, complaints, open_files, soak


def test_mixed_calls_leave_nothing_behind(tmp_path: Path) -> None:
    left = soak(needs.sipp(), tmp_path, 6, KINDS, linger=False)
    assert left.problems == ()
    assert left.records == sum(left.placed.values()) > 2 * len(KINDS)


def test_what_a_process_has_open_is_seen(tmp_path: Path) -> None:
    before = open_files(os.getpid())
    with (tmp_path / "one more").open("w"):
        assert set(open_files(os.getpid())) - set(before) == {str(tmp_path / "one more")}


def test_an_error_in_the_log_is_a_problem(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("12:00 INFO router: ready\n12:01 ERROR router: it broke\n")
    assert complaints(log) == ["the log says '12:01 ERROR router: it broke'"]

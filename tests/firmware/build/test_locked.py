"""Debian's packages as they were, and as they are."""

from __future__ import annotations

import pytest

from firmware.build import locked
from firmware.build.recipe import KERNELS
from firmware.build.running import BuildError

ONE, OTHER = "1" * 64, "2" * 64
BEFORE = {"libc6": ("2.36-9", ONE), "rauc": ("1.8-2", ONE), "gone": ("1", "-"), "same": ("1:1~rc1+b2", "-")}


def test_what_was_written_is_read() -> None:
    assert locked.read(locked.written(BEFORE)) == BEFORE


@pytest.mark.parametrize("line", ["rauc", "rauc=1.8 x", "rauc= " + ONE, "rauc=1.8-2 " + ONE + " more"])
def test_another_line_is_refused(line: str) -> None:
    with pytest.raises(BuildError, match="none of its own"):
        locked.read(f"# comment\n\n{line}\n")


def test_what_has_moved_is_told() -> None:
    now = {
        "libc6": ("2.36-10", OTHER),
        "rauc": ("1.8-2", OTHER),
        "new": ("3", ONE),
        "same": ("1:1~rc1+b2", ONE),
    }
    assert locked.moved(BEFORE, now) == (
        "gone 1 is not in it any more",
        "libc6 was 2.36-9, is 2.36-10",
        "new 3 is new",
        "rauc 1.8-2 has another content than it had",
    )
    assert locked.moved(BEFORE, BEFORE) == ()


def test_the_index_of_apt() -> None:
    said = (
        f"Package: rauc\nVersion: 1.8-2\nSize: 7\nSHA256: {ONE}\nDescription: x\n over lines\n\nPackage: y\n"
    )
    assert locked.of_index(said) == {("rauc", "1.8-2"): ONE}


def test_the_locks_here_can_be_read() -> None:
    for kernel in KERNELS:
        file = locked.path(kernel)
        if file.exists():
            assert "rauc" in locked.read(file.read_text())

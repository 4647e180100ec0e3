"""A medium is written past the page cache where that can be done, and through it where it cannot."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from firmware.medium import ALIGNED, BUFFER, Medium, MediumError

SIZE = 4 * BUFFER


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A medium of zeros."""
    path = tmp_path / "medium"
    path.touch()
    os.truncate(path, SIZE)
    return path


class Kernel:
    """Its pwrite and open for those that go past the cache; `writes`: how long they were, `most`: what it
    takes of one, `refuses`: the error for each. A write longer than `takes` is none from memory that it can
    use."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, most: int = SIZE, refuses: int = 0, takes: int = SIZE
    ) -> None:
        self.writes: list[int] = []
        self._most, self._refuses, self._takes = most, refuses, takes
        self._direct: set[int] = set()
        self._open, self._pwrite = os.open, os.pwrite
        monkeypatch.setattr(os, "open", self.open)
        monkeypatch.setattr(os, "pwrite", self.pwrite)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        fd = self._open(path, flags & ~os.O_DIRECT, mode)
        if flags & os.O_DIRECT:
            self._direct.add(fd)
        return fd

    def pwrite(self, fd: int, data: memoryview, at: int) -> int:
        if fd not in self._direct:
            return self._pwrite(fd, data, at)
        self.writes.append(len(data))
        error = self._refuses or (errno.EINVAL if len(data) > self._takes else 0)
        if error:
            raise OSError(error, os.strerror(error))
        return self._pwrite(fd, data[: self._most], at)


def content(size: int) -> bytes:
    return Random(size).randbytes(size)


@pytest.mark.parametrize(
    ("at", "size"),
    [(0, BUFFER), (ALIGNED, 2 * BUFFER + ALIGNED), (512, ALIGNED), (0, 33 * 512), (SIZE - ALIGNED, ALIGNED)],
)
def test_what_is_written_is_there_and_nothing_beside_it(path: Path, at: int, size: int) -> None:
    data = content(size)
    with Medium(path) as medium:
        medium.write(at, data)
        medium.sync()
    assert path.read_bytes() == bytes(at) + data + bytes(SIZE - at - size)


def test_whole_blocks_go_past_the_page_cache_and_others_do_not(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(monkeypatch)
    with Medium(path) as medium:
        medium.write(ALIGNED, content(BUFFER + ALIGNED))
        assert kernel.writes == [BUFFER + ALIGNED]
        medium.write(512, content(ALIGNED))
        medium.write(0, content(512))
        assert kernel.writes == [BUFFER + ALIGNED]


def test_memory_that_the_kernel_does_not_take_is_copied_to_such_as_it_does(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(monkeypatch, takes=BUFFER)
    data = content(2 * BUFFER + ALIGNED)
    with Medium(path) as medium:
        medium.write(ALIGNED, data)
    assert kernel.writes == [2 * BUFFER + ALIGNED, BUFFER, BUFFER, ALIGNED]
    assert path.read_bytes() == bytes(ALIGNED) + data + bytes(SIZE - len(data) - ALIGNED)


@pytest.mark.parametrize(("most", "refuses"), [(SIZE, errno.EINVAL), (512, 0), (3 * ALIGNED, 0)])
def test_the_page_cache_takes_what_does_not_go_past_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, most: int, refuses: int
) -> None:
    kernel = Kernel(monkeypatch, most, refuses)
    data = content(BUFFER)
    with Medium(path) as medium:
        medium.write(BUFFER, data)
    assert set(kernel.writes) == {BUFFER}
    assert path.read_bytes() == bytes(BUFFER) + data + bytes(2 * BUFFER)


def test_a_file_system_without_such_writes_is_written_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: Path, flags: int, *mode: int) -> int:
        if flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return really(name, flags, *mode)

    really = os.open
    monkeypatch.setattr(os, "open", refuse)
    with Medium(path) as medium:
        medium.write(0, content(BUFFER))
        assert medium.read(0, BUFFER) == content(BUFFER)


def test_a_worn_medium_is_told_with_the_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Kernel(monkeypatch, refuses=errno.EIO)
    with Medium(path) as medium, pytest.raises(MediumError, match=f"written at byte {BUFFER}: Input/output"):
        medium.write(BUFFER, content(BUFFER))


def test_several_threads_write_at_once(path: Path) -> None:
    parts: Sequence[bytes] = [content(BUFFER // 2 + ALIGNED * number)[: BUFFER // 2] for number in range(8)]
    with Medium(path) as medium, ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda one: medium.write(one[0] * BUFFER // 2, one[1]), enumerate(parts)))
        medium.sync()
        assert medium.read(0, SIZE) == b"".join(parts)


def test_one_that_is_only_read_is_not_written(path: Path) -> None:
    with Medium(path, read_only=True) as medium, pytest.raises(MediumError, match="cannot be written"):
        medium.write(0, content(ALIGNED))

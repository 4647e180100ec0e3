"""A capture while it is written: it ends by itself, and a disk that fails ends it in order."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.trace import recording
from appliance.trace.captures import Captures, line
from appliance.trace.recording import Recording
from shell.trace.choice import EVERYTHING
from shell.trace_ports import Limits
from tests.appliance.waiting import eventually

RECORD = line([1.0, "web", "info", "log", "x" * 80, "", [], None])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "traces"


def begun(folder: Path, limits: Limits, has_room: Callable[[], bool] = lambda: True) -> Recording:
    room = Captures(folder, free=lambda _: 10**12)
    return Recording(room.begin("anna", EVERYTHING, limits, {}), EVERYTHING, limits, has_room)


def content(folder: Path) -> list[Any]:
    (path,) = folder.iterdir()
    return [json.loads(one) for one in path.read_text().splitlines()]


async def test_everything_offered_is_there_after_the_end(folder: Path) -> None:
    one = begun(folder, Limits(60, 1_000_000))
    running = asyncio.create_task(one.run())
    for _ in range(100):
        one.offer(RECORD * 3, 3)
    one.end("enough")
    await running
    lines = content(folder)
    assert len(lines) == 302
    assert lines[-1] == {"ended": lines[-1]["ended"], "reason": "enough", "records": 300, "lost": 0}


async def test_it_is_written_while_it_runs(folder: Path) -> None:
    one = begun(folder, Limits(60, 1_000_000))
    running = asyncio.create_task(one.run())
    one.offer(RECORD, 1)
    await eventually(lambda: len(content(folder)) == 2)
    one.end("enough")
    await running


async def test_who_reads_at_once_finds_what_was_offered(folder: Path) -> None:
    one = begun(folder, Limits(60, 1_000_000))
    running = asyncio.create_task(one.run())
    await one.written(running)
    one.offer(RECORD, 1)
    await one.written(running)
    assert len(content(folder)) == 2
    one.offer(RECORD, 1)
    one.end("enough")
    await one.written(running)
    assert content(folder)[-1]["reason"] == "enough"


async def test_it_ends_when_its_time_is_over(folder: Path) -> None:
    one = begun(folder, Limits(0.05, 1_000_000))
    one.offer(RECORD, 1)
    async with asyncio.timeout(10):
        await one.run()
    assert content(folder)[-1]["reason"] == "its 0.05 s are over"


async def test_it_ends_when_its_bytes_are_full_and_never_takes_more(folder: Path) -> None:
    one = begun(folder, Limits(60, 10_000))
    running = asyncio.create_task(one.run())
    for _ in range(20):
        one.offer(RECORD * 10, 10)
    async with asyncio.timeout(10):
        await running
    lines = content(folder)
    assert lines[-1]["reason"] == "its 0.01 MB are full"
    assert lines[-1]["records"] == len(lines) - 2
    (path,) = folder.iterdir()
    assert 9_000 < path.stat().st_size <= 10_000


async def test_a_disk_that_fills_up_ends_it(folder: Path) -> None:
    answers = iter([True, False])
    one = begun(folder, Limits(60, 1_000_000), lambda: next(answers))
    running = asyncio.create_task(one.run())
    one.offer(RECORD, 1)
    await eventually(lambda: len(content(folder)) == 2)
    one.offer(RECORD, 1)
    async with asyncio.timeout(10):
        await running
    assert content(folder)[-1]["reason"] == "the disk is nearly full"
    assert content(folder)[-1]["records"] == 2


@pytest.fixture
def file_limit() -> Iterator[int]:
    """The kernel takes half of a write and refuses the rest, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = 5000
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    yield size
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


async def test_a_disk_that_takes_half_a_write_leaves_whole_lines_and_the_reason(
    folder: Path, file_limit: int
) -> None:
    one = begun(folder, Limits(60, 1_000_000))
    one.offer(RECORD * 10, 10)
    running = asyncio.create_task(one.run())
    await eventually(lambda: len(content(folder)) == 11)
    one.offer(RECORD * 100, 100)
    async with asyncio.timeout(10):
        await running
    last = content(folder)[-1]
    assert last["reason"].startswith("the disk: ")
    assert (last["records"], last["lost"]) == (10, 100)
    assert len(content(folder)) == 12


async def test_what_a_slow_disk_does_not_take_is_counted_and_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "QUEUE", 10 * len(RECORD))
    one = begun(folder, Limits(60, 1_000_000))
    for _ in range(3):
        one.offer(RECORD * 10, 10)
    running = asyncio.create_task(one.run())
    await eventually(lambda: len(content(folder)) == 11)
    one.offer(RECORD, 1)
    one.end("enough")
    await running
    lines = content(folder)
    assert {"missed": 20} in lines
    assert (lines[-1]["records"], lines[-1]["lost"]) == (11, 20)


async def test_nothing_is_taken_after_the_end_and_the_first_reason_counts(folder: Path) -> None:
    one = begun(folder, Limits(60, 1_000_000))
    one.end("first")
    one.end("second")
    one.offer(RECORD, 1)
    await one.run()
    assert [entry.get("reason") for entry in content(folder)] == [None, "first"]
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(one._descriptor)

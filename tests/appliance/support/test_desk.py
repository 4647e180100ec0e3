"""One bundle at a time: followed, cancelled without a trace, failing with the reason."""

from __future__ import annotations

import asyncio
import errno
import threading
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from appliance.support.bundles import Bundles
from appliance.support.desk import Desk
from appliance.support.parts import Part
from shell.support_ports import Progress, SupportRefusedError
from tests.appliance.waiting import eventually


def part(name: str, *pieces: str) -> Part:
    return Part(name, lambda: pieces)


class Endless:
    """A part that goes on until somebody cancels it."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def content(self) -> Iterator[str]:
        while True:
            yield "x" * 1000
            self.begun.set()


def desk_of(folder: Path, *parts: Part) -> Desk:
    async def gather() -> Sequence[Part]:
        return parts

    return Desk(Bundles(folder), gather, lambda text: text.replace("hush", "***"))


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 10)


async def follow(desk: Desk) -> list[Progress]:
    return [progress async for progress in desk.make()]


async def test_the_last_progress_has_the_bundle(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, part("a.txt", "one ", "two"), part("b.txt", "three"))
    *_, last = await follow(desk)
    assert last.bundle is not None
    with zipfile.ZipFile(tmp_path / last.bundle.name) as archive:
        assert archive.namelist() == ["README.txt", "a.txt", "b.txt"]
        assert archive.read("a.txt") == b"one two"
    assert await desk.bundles() == [last.bundle]


async def test_a_part_that_cannot_be_had_is_named_without_secrets(tmp_path: Path) -> None:
    def broken() -> Iterator[str]:
        raise FileNotFoundError("hush is not there")

    *_, last = await follow(desk_of(tmp_path, Part("a.txt", broken), part("b.txt", "fine")))
    assert last.missing == ("a.txt: FileNotFoundError: *** is not there",)
    assert last.bundle is not None
    with zipfile.ZipFile(tmp_path / last.bundle.name) as archive:
        assert archive.namelist() == ["README.txt", "b.txt", "missing.txt"]


async def test_who_leaves_cancels_it_and_nothing_is_left(tmp_path: Path) -> None:
    endless = Endless()
    desk = desk_of(tmp_path, part("a.txt", "x"), Part("endless", endless.content))
    steps = desk.make()
    await anext(steps)
    await until(endless.begun)
    await steps.aclose()
    await eventually(lambda: not list(tmp_path.iterdir()))
    assert await desk.bundles() == []
    assert desk.present
    assert desk.present.failure
    assert "cancelled" in desk.present.failure.message


async def test_the_next_one_is_made_after_a_cancelled_one(tmp_path: Path) -> None:
    endless, again = Endless(), []

    async def gather() -> Sequence[Part]:
        again.append(1)
        return (Part("endless", endless.content),) if len(again) == 1 else (part("a.txt", "x"),)

    desk = Desk(Bundles(tmp_path), gather, str)
    steps = desk.make()
    await anext(steps)
    await until(endless.begun)
    await steps.aclose()
    assert (await follow(desk))[-1].bundle


async def test_two_follow_the_same_one(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, part("a.txt", "x"))
    first, second = await asyncio.gather(follow(desk), follow(desk))
    assert first[-1].bundle == second[-1].bundle
    assert len(await desk.bundles()) == 1


async def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    class Full(Bundles):
        def begin(self, size: int):  # type: ignore[no-untyped-def]
            name, file = super().begin(size)

            def write(_data: bytes) -> int:
                raise OSError(errno.ENOSPC, "No space left on device")

            file.close()
            return name, open("/dev/full", "wb")  # noqa: PTH123

    async def gather() -> Sequence[Part]:
        return (part("a.txt", "x" * 100_000),)

    with pytest.raises(SupportRefusedError, match="No space left"):
        await follow(Desk(Full(tmp_path), gather, str))
    assert list(tmp_path.iterdir()) == []


async def test_parts_that_cannot_be_gathered_are_a_failure_of_ours(tmp_path: Path) -> None:
    async def gather() -> Sequence[Part]:
        raise ZeroDivisionError

    with pytest.raises(SupportRefusedError, match="ZeroDivisionError"):
        await follow(Desk(Bundles(tmp_path), gather, str))


async def test_closing_ends_what_is_being_made(tmp_path: Path) -> None:
    endless = Endless()
    desk = desk_of(tmp_path, Part("endless", endless.content))
    making = desk.begin()
    await until(endless.begun)
    await desk.close()
    assert making.done
    assert await desk.bundles() == []

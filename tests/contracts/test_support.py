"""What the shell relies on of support bundles, on the fake, on the desk and over the control socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.control.client import ControlClient
from appliance.control.server import ControlServer
from appliance.control.support import ControlSupport, handlers
from appliance.support.bundles import Bundles
from appliance.support.desk import Desk
from appliance.support.parts import Part
from shell.ports import SystemUnavailableError
from shell.support_ports import Bundle, Progress, Support, SupportRefusedError
from tests.fakes.support import PARTS, FakeSupport


@dataclass
class Place:
    """A port, and how to hold up its last part."""

    support: Support
    held: bool = False
    fake: FakeSupport | None = None

    def hold(self, *, held: bool) -> None:
        self.held = held
        if self.fake:
            self.fake.hold = asyncio.Event() if held else None


@pytest.fixture(params=["fake", "desk", "control socket"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "fake":
        fake = FakeSupport()
        yield Place(fake, fake=fake)
        return

    def last() -> Iterator[str]:
        while one.held:
            time.sleep(0.001)
            yield "x"

    async def gather() -> Sequence[Part]:
        return [*(Part(name, lambda: ["x"]) for name in PARTS[:-1]), Part(PARTS[-1], last)]

    desk = Desk(Bundles(tmp_path / "support"), gather, str)
    one = Place(desk)
    if request.param == "desk":
        yield one
    else:
        path = tmp_path / "control.sock"
        async with ControlServer(path, handlers(desk)), ControlClient(path) as control:
            one.support = ControlSupport(control)
            yield one
    one.hold(held=False)
    await desk.close()


async def made(support: Support) -> Bundle:
    last = Progress(0, 0, "")
    async for last in support.make():
        assert 0 <= last.step <= last.of
    assert last.bundle is not None
    assert last.missing == ()
    return last.bundle


async def test_the_last_progress_has_the_bundle_which_is_listed_then(place: Place) -> None:
    bundle = await made(place.support)
    assert bundle.name.endswith(".zip")
    assert bundle.size > 0
    assert [each.name for each in await place.support.bundles()] == [bundle.name]


async def test_three_are_kept(place: Place) -> None:
    names = [(await made(place.support)).name for _ in range(4)]
    kept = {each.name for each in await place.support.bundles()}
    assert len(kept) == 3
    assert names[-1] in kept


async def test_one_is_deleted_and_what_is_not_there_is_refused(place: Place) -> None:
    bundle = await made(place.support)
    await place.support.delete(bundle.name)
    assert list(await place.support.bundles()) == []
    for name in (bundle.name, "../callisto.db"):
        with pytest.raises(SupportRefusedError) as refused:
            await place.support.delete(name)
        assert refused.value.hint


async def test_closed_before_its_end_it_is_cancelled_and_the_next_is_made(place: Place) -> None:
    place.hold(held=True)
    steps = place.support.make()
    assert (await anext(steps)).bundle is None
    await steps.aclose()
    place.hold(held=False)
    assert (await made(place.support)).size > 0


async def test_without_a_supervisor_it_is_said(tmp_path: Path) -> None:
    async with ControlClient(tmp_path / "control.sock") as control:
        with pytest.raises(SystemUnavailableError):
            await made(ControlSupport(control))

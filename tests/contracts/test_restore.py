"""What the shell relies on of restores: on the fake, on the job, and over the control socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.control.client import ControlClient
from appliance.control.restore import ControlRestore, handlers
from appliance.control.server import ControlServer
from appliance.restoring import Restoring
from db.restore.plan import EVERYTHING
from db.variables.states import Actor
from shell.ports import SystemUnavailableError
from shell.restore_ports import Restore, RestoreRefusedError, RestoreState
from tests.appliance.test_restoring import NAME as ARCHIVE
from tests.appliance.test_restoring import PASSWORD, house, job
from tests.fakes.restore import NAME, FakeRestore

__all__ = ["house", "job"]  # fixtures

ANNA = Actor("anna", "192.0.2.1:4711", "telnet")


@dataclass
class Place:
    port: Restore
    fake: FakeRestore


@pytest.fixture(params=["fake", "control socket"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    fake = FakeRestore()
    if request.param == "fake":
        yield Place(fake, fake)
        return
    path = tmp_path / "control.sock"
    async with ControlServer(path, handlers(fake)), ControlClient(path) as control:
        yield Place(ControlRestore(control), fake)


async def followed(port: Restore) -> list[RestoreState]:
    async with asyncio.timeout(20), aclosing(port.follow()) as states:
        return [state async for state in states]


async def test_before_the_first_one_there_is_none(place: Place) -> None:
    assert await place.port.state() is None
    assert await followed(place.port) == []


async def test_a_rehearsal_tells_and_begins_nothing(place: Place) -> None:
    place.fake.warnings = ("your password will be the one of 2026-11-23",)
    plan = await place.port.rehearse(ANNA, NAME, (), "")
    assert plan == await place.fake.rehearse(ANNA, NAME, (), "")
    assert plan.kinds == EVERYTHING
    assert await place.port.state() is None


async def test_one_is_followed_to_its_end(place: Place) -> None:
    place.fake.hold = asyncio.Event()
    begun = await place.port.begin(ANNA, NAME, ("users",), "")
    assert (begun.who, begun.archive, begun.kinds, begun.done) == ("anna", NAME, ("users",), False)
    with pytest.raises(RestoreRefusedError, match="anna restores") as refused:
        await place.port.begin(ANNA, NAME, (), "")
    assert refused.value.hint
    follower = asyncio.create_task(followed(place.port))
    async with asyncio.timeout(10):
        while not follower.done():
            await asyncio.sleep(0)
            if await place.port.state() == begun:
                place.fake.hold.set()
    states = follower.result()
    assert (states[-1].done, states[-1].failed, states[-1].saved) == (True, False, NAME)
    assert states[-1].result == f"users restored from {NAME}"
    assert await place.port.state() == states[-1]


async def test_who_gave_it_and_what_of_it_arrive(place: Place) -> None:
    place.fake.passwords[NAME] = "größer als acht"
    await place.port.begin(ANNA, NAME, ("groups", "media"), "größer als acht")
    assert place.fake.asked == [(ANNA, NAME, ("groups", "media"))]
    assert not (await followed(place.port))[-1].failed


async def test_what_goes_back_says_why(place: Place) -> None:
    place.fake.failure = ("the login page does not answer", "the former state is back")
    await place.port.begin(ANNA, NAME, (), "")
    (done,) = await followed(place.port)
    assert (done.failed, done.result, done.hint) == (
        True, "the login page does not answer", "the former state is back",
    )  # fmt: skip


@pytest.mark.parametrize(("archive", "password"), [("nowhere.zip", ""), (NAME, ""), (NAME, "wrong one")])
async def test_what_cannot_be_is_refused_with_its_way_out(place: Place, archive: str, password: str) -> None:
    place.fake.passwords[NAME] = "the right one"
    with pytest.raises(RestoreRefusedError) as refused:
        await place.port.rehearse(ANNA, archive, (), password)
    assert refused.value.hint
    assert await place.port.state() is None


# The fake and the real job, which reads a real archive


@dataclass
class Either:
    port: Restore
    name: str
    password: str


@pytest.fixture
def of_fake() -> Either:
    fake = FakeRestore()
    fake.passwords[NAME] = "the right one"
    return Either(fake, NAME, "the right one")


@pytest.fixture
async def of_job(job: Restoring, tmp_path: Path) -> AsyncIterator[Either]:
    path = tmp_path / "control.sock"
    async with ControlServer(path, handlers(job)), ControlClient(path) as control:
        yield Either(ControlRestore(control), ARCHIVE, PASSWORD)


@pytest.fixture(params=["of_fake", "of_job"])
def either(request: pytest.FixtureRequest) -> Either:
    found: Either = request.getfixturevalue(request.param)
    return found


async def test_either_rehearses_without_beginning(either: Either) -> None:
    plan = await either.port.rehearse(ANNA, either.name, ("groups",), either.password)
    assert (plan.archive, plan.kinds) == (either.name, ("groups",))
    assert [each.table for each in plan.differences] == ["groups"]
    assert await either.port.state() is None
    assert await followed(either.port) == []


async def test_either_refuses_with_a_way_out(either: Either) -> None:
    for archive, password in (("nowhere.zip", ""), (either.name, ""), (either.name, "wrong one")):
        with pytest.raises(RestoreRefusedError) as refused:
            await either.port.rehearse(ANNA, archive, (), password)
        assert refused.value.hint
    with pytest.raises(RestoreRefusedError):
        await either.port.begin(ANNA, "nowhere.zip", (), "")
    assert await either.port.state() is None


async def test_either_is_begun_and_followed_to_its_end(either: Either) -> None:
    begun = await either.port.begin(ANNA, either.name, ("groups",), either.password)
    assert (begun.who, begun.archive, begun.kinds, begun.done) == ("anna", either.name, ("groups",), False)
    states = await followed(either.port)
    assert [state.done for state in states[:-1]] == [False] * (len(states) - 1)
    done = states[-1]
    assert (done.done, done.failed, done.percent, done.stamp) == (True, False, 100, begun.stamp)
    assert done.result == f"groups restored from {either.name}"
    assert done.saved
    assert await either.port.state() == done


async def test_either_tells_of_a_password_that_was_wrong(either: Either) -> None:
    await either.port.begin(ANNA, either.name, (), "wrong one")
    done = (await followed(either.port))[-1]
    assert done.failed
    assert "not the one of this backup" in done.result
    assert done.hint


async def test_without_a_supervisor_it_says_so(tmp_path: Path) -> None:
    async with ControlClient(tmp_path / "nothing.sock") as control:
        with pytest.raises(SystemUnavailableError):
            await ControlRestore(control).state()

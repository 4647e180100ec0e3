"""What the shell relies on of compacting, on the fake, on the compactor and over the control socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.compacting import Compactor
from appliance.control.client import ControlClient
from appliance.control.compact import ControlCompact, handlers
from appliance.control.server import ControlServer
from appliance.store_keeper import StoreKeeper
from db.compacted import Compacted, Keep, Old
from db.errors import RefusedError
from db.variables.states import Actor
from shell.compact_ports import Compact, Compacting, CompactRefusedError
from shell.ports import SystemUnavailableError
from tests.fakes.compact import DONE, OLD, FakeCompact

ANNA = Actor("anna", "192.0.2.1:4711", "telnet")
BEA = Actor("bea", "", "cli")
ROOM = "compacting needs 9 MB of room"


class Keeper(StoreKeeper):
    """A store that holds still while it is compacted."""

    def __init__(self, url: str) -> None:
        super().__init__(url, url, "ucm")
        self.go = threading.Event()
        self.go.set()
        self.full = False

    async def compact(self, keep: Keep, tell: Callable[[str], None]) -> Compacted:
        def work() -> Compacted:
            tell("writes the store anew")
            assert self.go.wait(20)
            if self.full:
                raise RefusedError(ROOM, hint="make room")
            return DONE

        return await asyncio.to_thread(work)


@dataclass
class Place:
    port: Compact
    keeper: Keeper | None = None
    fake: FakeCompact | None = None

    def hold(self, *, held: bool) -> None:
        if self.keeper:
            (self.keeper.go.clear if held else self.keeper.go.set)()
        elif self.fake and held:
            self.fake.hold = asyncio.Event()
        elif self.fake and self.fake.hold:
            self.fake.hold.set()

    def fill_the_disk(self) -> None:
        if self.keeper:
            self.keeper.full = True
        elif self.fake:
            self.fake.failure = CompactRefusedError(ROOM, "make room")


@pytest.fixture(params=["fake", "compactor", "control socket"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "fake":
        fake = FakeCompact()
        yield Place(fake, fake=fake)
        return
    keeper = Keeper(f"sqlite:///{tmp_path}/callisto.db")
    await keeper.open()
    compactor = Compactor(keeper, Keep(calls=1095))
    if request.param == "compactor":
        yield Place(compactor, keeper)
    else:
        path = tmp_path / "control.sock"
        async with ControlServer(path, handlers(compactor)), ControlClient(path) as control:
            yield Place(ControlCompact(control), keeper)
    keeper.go.set()
    await compactor.close()
    keeper.close()


async def done(port: Compact, actor: Actor = ANNA) -> Compacted:
    last = Compacting("")
    async with asyncio.timeout(20):
        async for step in port.run(actor):
            last = step
    assert last.result is not None
    return last.result


async def test_the_last_step_has_the_result(place: Place) -> None:
    assert await done(place.port) == DONE
    assert await done(place.port) == DONE


async def test_what_would_be_deleted_is_told_before(place: Place) -> None:
    found = await place.port.old()
    assert found[0].what == OLD[0].what
    assert found[0].days == 1095
    assert all(isinstance(each, Old) for each in found)


async def test_a_second_one_is_told_who_runs_it_and_the_first_goes_on_when_nobody_looks(place: Place) -> None:
    place.hold(held=True)
    async with asyncio.timeout(20), aclosing(place.port.run(ANNA)) as first:
        assert (await anext(first)).result is None
        with pytest.raises(CompactRefusedError, match="anna") as refused:
            await done(place.port, BEA)
        assert refused.value.hint
        place.hold(held=False)
        assert [step.result async for step in first][-1] == DONE


async def test_a_refusal_comes_with_its_hint(place: Place) -> None:
    place.fill_the_disk()
    with pytest.raises(CompactRefusedError) as refused:
        await done(place.port)
    assert (refused.value.message, refused.value.hint) == (ROOM, "make room")


async def test_it_goes_on_when_its_user_leaves_and_the_audit_trail_has_it(tmp_path: Path) -> None:
    keeper = Keeper(f"sqlite:///{tmp_path}/callisto.db")
    await keeper.open()
    compactor = Compactor(keeper, Keep())
    keeper.go.clear()
    async with aclosing(compactor.run(ANNA)) as steps:
        await anext(steps)
    keeper.go.set()
    async with asyncio.timeout(20):
        assert compactor.last is not None
        while not compactor.last.done:
            await compactor.last.after(compactor.last.now)
    (note,) = await keeper.do(lambda store: store.audit.latest(1))
    assert (note.actor, note.action) == (ANNA, "compact")
    assert "from 40.0 MB to 18.0 MB, 4,711 rows deleted" in note.detail
    await compactor.close()
    keeper.close()


async def test_without_a_supervisor_it_is_said(tmp_path: Path) -> None:
    async with ControlClient(tmp_path / "control.sock") as control:
        with pytest.raises(SystemUnavailableError):
            await done(ControlCompact(control))


async def test_a_store_that_is_being_repaired_is_not_compacted(tmp_path: Path) -> None:
    compactor = Compactor(
        Keeper(f"sqlite:///{tmp_path}/callisto.db"), Keep(), lambda: "the store is being repaired, by anna"
    )
    with pytest.raises(CompactRefusedError, match="being repaired") as refused:
        compactor.begin(ANNA)
    assert "when that is done" in refused.value.hint
    assert not compactor.runs

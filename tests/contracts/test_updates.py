"""What the shell relies on of updates, on the fake and on whatever is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.config import Config
from appliance.control.client import ControlClient
from appliance.control.server import ControlServer
from appliance.control.update import ControlUpdates, handlers
from appliance.store_keeper import StoreKeeper
from appliance.updates import Updates as Job
from appliance.updating.around import Around
from appliance.updating.root_side import unit_of
from db.variables.states import Actor
from firmware.build.keys import Keys
from shell.update_ports import Kind, UpdateRefusedError, Updates, UpdateState
from tests.appliance.updating.machine import keys_in, signed
from tests.fakes.updates import FakeUpdates, bundle
from tests.fakes.variables import NOON

ANNA = Actor("anna", "192.0.2.1:4711", "telnet")
APPLICATION = "callisto-9.1.0.raucb"
SYSTEM = "callisto-system-9.2.0.raucb"


@dataclass
class Place:
    """No image: nothing can be installed there. `bundle`: a good one, newer than what runs, at that path."""

    port: Updates
    bundle: Callable[[Path, str, Kind], Path]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return keys_in(tmp_path_factory.mktemp("keys"))


@pytest.fixture(params=["fake", "job", "control socket"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, keys: Keys) -> AsyncIterator[Place]:
    if request.param == "fake":
        port = FakeUpdates()
        port.image = False
        yield Place(port, bundle)
        return
    state = tmp_path / "state"
    state.mkdir()
    config = Config.load({"CALLISTO_CONFIG": "", "CALLISTO_STATE": str(state)}, tmp_path)
    keeper = StoreKeeper(config.store_url, config.store_url, "ucm")
    await keeper.open()
    around = Around(lambda: "", unit_of({}), tmp_path / "root", keys.keyring)
    updates = Job(config, keeper, around)

    def made(path: Path, version: str, kind: Kind) -> Path:
        return signed(path, keys, version, kind)

    if request.param == "job":
        yield Place(updates, made)
    else:
        path = tmp_path / "control.sock"
        async with ControlServer(path, handlers(updates)), ControlClient(path) as control:
            yield Place(ControlUpdates(control), made)
    await updates.close()
    keeper.close()


async def last(port: Updates) -> UpdateState | None:
    found: list[UpdateState] = []
    async with asyncio.timeout(60), aclosing(port.follow()) as states:
        async for state in states:
            found.append(state)
    return found[-1] if found else None


async def test_before_the_first_one_there_is_nothing(place: Place) -> None:
    port = place.port
    assert list(await port.listed()) == []
    assert await port.state() is None
    assert await last(port) is None
    assert list(await port.history()) == []
    assert list(await port.notices()) == []
    assert list(await port.lost_by_back()) == []
    await port.seen(ANNA)


async def test_a_good_one_is_listed_with_what_it_does_and_deleted(place: Place, tmp_path: Path) -> None:
    found = await place.port.add(place.bundle(tmp_path / APPLICATION, "9.1.0", "application"), ANNA)
    assert (found.name, found.kind, found.version) == (APPLICATION, "application", "9.1.0")
    assert (found.size > 0, bool(found.effects), bool(found.signer)) == (True, True, True)
    assert not found.reboots
    await place.port.add(place.bundle(tmp_path / SYSTEM, "9.2.0", "system"), ANNA)
    assert [each.name for each in await place.port.listed()] == [SYSTEM, APPLICATION]
    await place.port.delete(APPLICATION, ANNA)
    assert [each.name for each in await place.port.listed()] == [SYSTEM]


async def test_one_that_is_no_bundle_is_refused_and_not_kept(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "callisto-bad.raucb"
    for content in (b"", b"nothing that anybody signed", bytes(70_000)):
        file.write_bytes(content)
        with pytest.raises(UpdateRefusedError) as refused:
            await place.port.add(file, ANNA)
        assert refused.value.message
    with pytest.raises(UpdateRefusedError):
        await place.port.add(tmp_path / "nowhere.raucb", ANNA)
    assert list(await place.port.listed()) == []


async def test_what_cannot_be_is_refused_with_its_way_out(place: Place, tmp_path: Path) -> None:
    port = place.port
    await port.add(place.bundle(tmp_path / APPLICATION, "9.1.0", "application"), ANNA)
    for attempt in (
        port.install("nothing.raucb", ANNA),
        port.install("../../etc/passwd", ANNA),
        port.install(APPLICATION, ANNA),
        port.install(APPLICATION, ANNA, at=NOON + timedelta(days=4000)),
        port.delete("nothing.raucb", ANNA),
        port.delete("../callisto.db", ANNA),
        port.cancel(ANNA),
        port.back(ANNA),
        port.reboot(ANNA),
        port.fetch("nowhere", APPLICATION, ANNA),
    ):
        with pytest.raises(UpdateRefusedError) as refused:
            await attempt
        assert refused.value.message
        assert refused.value.hint
    assert [each.name for each in await port.listed()] == [APPLICATION]

"""A restore as a job: real processes on a real state folder, services without processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from appliance.archives import Archives
from appliance.config import Config
from appliance.first_start import furnish
from appliance.restoring import Around, Restoring
from appliance.roles.supervisor import service_environment
from appliance.services.ports import Unit
from appliance.store_keeper import StoreKeeper
from db.backup.making import make
from db.backup.manifest import MANIFEST
from db.backup.source import Source
from db.restore.job import Folder, Place, Step, new
from db.restore.work import at, recover
from db.store import Store, prepare
from db.variables.states import Actor
from shell.restore_ports import RestoreRefusedError, RestoreState
from tests.db.restore.test_restoring import NOON, change, column
from tests.fakes.services import FakeServices
from tests.postgres import fresh_database

ANNA = Actor("anna", "127.0.0.1", "telnet")
NAME = "callisto-vm-20261122-100000Z.zip"
PASSWORD = "correct horse"
TIMEOUT = "SELECT manager_timeout FROM groups WHERE name = 'Management'"


@dataclass
class House:
    """`trouble`: what does not answer after a restore; `others`: who else works on the store."""

    state: Path
    services: FakeServices = field(default_factory=FakeServices)
    trouble: str = ""
    others: str = ""
    told: list[str] = field(default_factory=list)
    web_at_look: list[str] = field(default_factory=list)

    async def look(self) -> str:
        self.web_at_look.append(self.services.state(Unit.WEB).state.value)
        return self.trouble

    @property
    def store(self) -> Path:
        return self.state / "callisto.db"


@pytest.fixture
def house(tmp_path: Path) -> House:
    """An office, a backup of it, and a change since."""
    state = tmp_path / "var"
    state.mkdir()
    url = f"sqlite:///{state / 'callisto.db'}"
    prepare(url)
    with Store.open(url) as store:
        furnish(store, "correct horse battery")
    make(Source(url, state, state / "backups", "0.1.0"), state / "backups" / NAME, PASSWORD)
    change(state / "callisto.db", "UPDATE groups SET manager_timeout = 44 WHERE name = 'Management'")
    return House(state)


@pytest.fixture
async def job(house: House) -> AsyncIterator[Restoring]:
    config = Config.load({"CALLISTO_STATE": str(house.state)}, house.state.parent)
    keeper = StoreKeeper(config.store_url, config.store_url, "ucm")
    await house.services.start(Unit.WEB)
    found = Restoring(
        config,
        {**os.environ, **service_environment()},
        house.services,
        keeper,
        Around(lambda: house.others, Archives(config).find, house.look, house.told.append),
    )
    yield found
    await found.close()
    keeper.close()


async def last(job: Restoring) -> RestoreState:
    async with asyncio.timeout(60):
        async for state in job.follow():
            found = state
    assert found.done
    return found


async def test_the_state_of_the_backup_is_back_and_the_present_one_is_kept(
    job: Restoring, house: House
) -> None:
    begun = await job.begin(ANNA, NAME, (), PASSWORD)
    assert (begun.who, begun.archive, begun.done) == ("anna", NAME, False)
    done = await last(job)
    assert (done.failed, done.result) == (False, f"everything restored from {NAME}")
    assert column(house.store, TIMEOUT) == [15]
    assert (house.state / "backups" / done.saved).is_file()
    assert house.told == ["restore"]
    assert house.services.asked[1:] == [("stop", Unit.WEB), ("start", Unit.WEB)]
    assert house.web_at_look == ["ready"]
    (note,) = column(house.store, "SELECT detail FROM audit WHERE action = 'restore'")
    assert str(note) == f"{NAME}: {done.result}"


async def test_what_would_change_is_said_and_nothing_does(job: Restoring, house: House) -> None:
    plan = await job.rehearse(ANNA, NAME, (), PASSWORD)
    assert [(each.table, each.changed, each.names) for each in plan.differences] == [
        ("groups", 1, ("Management",))
    ]
    assert column(house.store, TIMEOUT) == [44]
    assert await job.state() is None
    assert not (house.state / "restore" / "unpacked").exists()


async def test_a_state_that_does_not_do_goes_again(job: Restoring, house: House) -> None:
    house.trouble = "web: no answer within 5 s"
    await job.begin(ANNA, NAME, (), PASSWORD)
    done = await last(job)
    assert done.failed
    assert "web: no answer within 5 s" in done.result
    assert done.hint == "the former state is back"
    assert column(house.store, TIMEOUT) == [44]
    assert house.services.state(Unit.WEB).state.value == "ready"


@pytest.mark.parametrize(
    ("archive", "password", "why"),
    [
        (NAME, "wrong password", "password"),
        (NAME, "", "password"),
    ],
)
async def test_what_cannot_be_read_stops_nothing(
    job: Restoring, house: House, archive: str, password: str, why: str
) -> None:
    await job.begin(ANNA, archive, (), password)
    done = await last(job)
    assert done.failed
    assert why in done.result
    assert column(house.store, TIMEOUT) == [44]
    assert house.services.asked == [("start", Unit.WEB)]
    assert password not in (house.state / "restore" / "job.json").read_text() or not password


@pytest.mark.parametrize("why", ["its end is missing", "no file, but a link", "a checksum is wrong"])
async def test_a_hostile_archive_stops_nothing(job: Restoring, house: House, why: str) -> None:
    raw = bytearray((house.state / "backups" / NAME).read_bytes())
    in_directory = raw.rfind(MANIFEST.encode()) - 46
    if "end" in why:  # within the authentication code of its last member
        del raw[raw.find(b"PK\x01\x02") - 26 :]
    elif "link" in why:
        raw[in_directory + 38 : in_directory + 42] = (0o120777 << 16).to_bytes(4, "little")
    else:
        raw[5000] ^= 1
    hostile = house.state / "backups" / NAME.replace("1000", "1001")
    hostile.write_bytes(raw)
    before = (house.state / "callisto.db").read_bytes()
    await job.begin(ANNA, hostile.name, (), PASSWORD)
    done = await last(job)
    assert done.failed
    assert why in done.result
    assert done.hint
    assert (house.state / "callisto.db").read_bytes() == before
    assert house.services.asked == [("start", Unit.WEB)]
    assert {each.name for each in (house.state / "backups").glob("*.zip")} == {NAME, hostile.name}
    assert not (house.state / "restore" / "unpacked").exists()


@pytest.mark.parametrize("archive", ["nothing.zip", "/nowhere/a.zip", "vault:callisto-vm-1.zip"])
async def test_an_archive_that_is_not_there_is_refused(job: Restoring, archive: str) -> None:
    with pytest.raises(RestoreRefusedError) as refused:
        await job.begin(ANNA, archive, (), "")
    assert refused.value.hint


async def test_one_at_a_time_of_all_that_work_on_the_store(job: Restoring, house: House) -> None:
    await job.begin(ANNA, NAME, (), PASSWORD)
    with pytest.raises(RestoreRefusedError, match="restored, by anna"):
        await job.begin(ANNA, NAME, (), PASSWORD)
    await last(job)
    house.others = "the store is being repaired, by bea"
    with pytest.raises(RestoreRefusedError, match="repaired, by bea"):
        await job.rehearse(ANNA, NAME, (), PASSWORD)


async def test_cut_short_the_state_is_as_it_was(job: Restoring, house: House) -> None:
    await job.begin(ANNA, NAME, (), PASSWORD)
    await job.close()
    done = recover(Folder(house.state / "restore"))
    assert done is not None
    assert done.step is Step.UNDONE
    assert column(house.store, TIMEOUT) == [44]


async def test_one_that_was_killed_after_the_exchange_is_looked_at_at_the_next_start(
    job: Restoring, house: House
) -> None:
    left = new("anna", NAME, Place(house.store, house.state), ("users",), NOON)
    at(Folder(house.state / "restore"), left, Step.LOOK)
    await job.resume()
    done = await last(job)
    assert (done.failed, done.result) == (False, f"users restored from {NAME}")
    assert house.web_at_look == ["ready"]


async def test_a_store_in_a_server_is_restored_by_the_same_job(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = fresh_database(request)
    state = tmp_path / "var"
    state.mkdir()
    prepare(url)
    with Store.open(url) as store:
        furnish(store, "correct horse battery")
        make(Source(url, state, state / "backups", "0.1.0"), state / "backups" / NAME, PASSWORD)
        before = store.office.read()
        store.office.write(replace(before, groups=()), ANNA)
    config = Config.load({"CALLISTO_STATE": str(state), "CALLISTO_STORE_URL": url}, tmp_path)
    keeper = StoreKeeper(url, url, "ucm")
    house = House(state)
    await house.services.start(Unit.WEB)
    env = {**os.environ, **service_environment()}
    around = Around(lambda: "", Archives(config).find, house.look, house.told.append)
    job = Restoring(config, env, house.services, keeper, around)
    try:
        plan = await job.rehearse(ANNA, NAME, ("groups",), PASSWORD)
        assert ("groups", len(before.groups)) in [(each.table, each.added) for each in plan.differences]
        await job.begin(ANNA, NAME, (), PASSWORD)
        done = await last(job)
        assert (done.failed, done.result) == (False, f"everything restored from {NAME}")
        assert (state / "backups" / done.saved).is_file()
        with Store.open(url) as store:
            assert store.office.read().groups == before.groups
        house.trouble = "web: no answer within 5 s"
        await job.begin(ANNA, done.saved, (), PASSWORD)
        gone_back = await last(job)
        assert (gone_back.failed, gone_back.hint) == (True, "the former state is back")
        with Store.open(url) as store:
            assert store.office.read().groups == before.groups
    finally:
        await job.close()
        keeper.close()

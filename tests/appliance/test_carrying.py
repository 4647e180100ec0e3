"""Backups carried to targets, when somebody asks and when they are planned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.backups import Backups
from appliance.carrying import Carrying, job_of
from appliance.control.client import ControlClient
from appliance.control.server import ControlServer
from appliance.control.targets import ControlTargets, handlers
from appliance.plans import Plans, keeper
from appliance.store_keeper import StoreKeeper
from db.store import Store
from db.stores.jobs import JobRun
from db.variables.states import Actor
from scheduler.service import Planner
from shell.backup_ports import BackupRefusedError
from shell.restore_ports import RestoreRefusedError
from shell.target_ports import Targets
from tests.contracts.test_backup import configured, environment, last, opened
from tests.fakes.backup_targets import FakeTargets

ANNA = Actor("anna", "192.0.2.1:4711", "telnet")
SECRET = "hunter2 hunter2"


@dataclass
class House:
    folder: Path
    keeper: StoreKeeper
    backups: Backups
    carrying: Carrying
    plans: Plans

    async def target(self, **settings: str) -> None:
        def make(store: Store) -> None:
            store.targets.add("nas", "directory", ANNA)
            for word, text in {"folder": str(self.folder), **settings}.items():
                store.targets.set("nas", word, text, ANNA)

        await self.keeper.do(make)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    config = configured(tmp_path)
    keeper_ = await opened(config)

    async def keep(run: JobRun) -> None:
        await keeper_.do(lambda store: store.jobs.record(run))

    planner = Planner(UTC, keeper(keep))  # type: ignore[arg-type]
    plans = Plans(planner, None)  # type: ignore[arg-type]
    backups = Backups(config, environment(), keeper_)
    carrying = Carrying(keeper_, backups, plans)
    folder = tmp_path / "disk"
    folder.mkdir()
    yield House(folder, keeper_, backups, carrying, plans)
    await carrying.close()
    await backups.close()
    await planner.close()
    keeper_.close()


async def test_a_backup_to_a_target_is_there_and_known_and_older_ones_go(house: House) -> None:
    await house.target(daily="1", weekly="0", monthly="0", password="a long sentence")
    await house.backups.begin(ANNA, "nas")
    first = await last(house.backups)
    assert not first.failed, first.result
    assert first.encrypted
    old = house.folder / ("callisto-" + first.file.split("-")[1] + "-20200101-020000Z.zip")
    old.write_bytes(b"an old one")
    state = await house.keeper.do(lambda store: store.targets.get("nas"))
    assert state.proven == first.file
    assert await house.carrying.carry("nas")
    state = await house.keeper.do(lambda store: store.targets.get("nas"))
    assert state.result.startswith("done: it is on nas")
    assert [each.name for each in house.folder.iterdir()] == [state.proven]


async def test_one_that_fails_is_told_and_nothing_is_removed(house: House) -> None:
    await house.target(folder=str(house.folder / "gone"))
    with pytest.raises(BackupRefusedError, match="there is no folder"):
        await house.carrying.carry("nas")
    state = await house.keeper.do(lambda store: store.targets.get("nas"))
    assert state.result.startswith("failed: there is no folder")
    assert (state.proven, state.proven_at) == ("", None)


async def test_a_plan_is_shown_changed_and_forgotten(house: House) -> None:
    await house.target(schedule="127,02:00")
    await house.carrying.follow()
    (plan,) = house.plans.states()
    assert plan["name"] == "backup to nas"
    assert plan["next_run"]
    await house.keeper.do(lambda store: store.targets.set("nas", "enabled", "off", ANNA))
    await house.carrying.follow()
    assert [each["next_run"] for each in house.plans.states()] == [None]
    await house.keeper.do(lambda store: store.targets.remove("nas", ANNA))
    await house.carrying.follow()
    assert house.plans.states() == []
    assert house.carrying.facts() == []


async def test_what_was_missed_while_the_system_was_off_is_done_once_and_kept(house: House) -> None:
    await house.target(schedule="127,02:00")
    due = datetime.now(UTC) - timedelta(days=3)
    ran = JobRun(job_of("nas"), "", due, due, due, "done")
    await house.keeper.do(lambda store: store.jobs.record(ran))

    def age(store: Store) -> None:
        from sqlalchemy import update

        from db.tables import backup_target

        store._database.change(lambda connection: connection.execute(update(backup_target).values(since=due)))

    await house.keeper.do(age)
    await house.carrying.follow()
    async with asyncio.timeout(60):
        await asyncio.gather(*house.carrying._late)
    runs = await house.keeper.do(lambda store: store.jobs.latest())
    assert len(runs) == 2
    assert runs[0].result.startswith("done: it is on nas")
    assert len(list(house.folder.iterdir())) == 1


async def test_the_status_has_no_secret(house: House) -> None:
    await house.target(secret=SECRET, password=SECRET)
    await house.carrying.follow()
    (fact,) = house.carrying.facts()
    assert (fact["name"], fact["late"]) == ("nas", False)
    assert "hunter2" not in repr(fact)


async def test_a_backup_is_fetched_from_a_target(house: House, tmp_path: Path) -> None:
    name = "callisto-office-20261123-010203Z.zip"
    here = tmp_path / "backups"
    here.mkdir(exist_ok=True)
    await house.target()
    with pytest.raises(RestoreRefusedError, match="there is no backup"):
        await house.carrying.fetch("nas", name, here)
    (house.folder / name).write_bytes(b"a backup")
    file = await house.carrying.fetch("nas", name, here)
    assert (file, file.read_bytes()) == (here / name, b"a backup")
    assert [each.name for each in here.iterdir()] == [name]
    assert await house.carrying.fetch("nas", name, here) == file
    for target, backup in (("disk", name), ("nas", "../callisto.db")):
        with pytest.raises(RestoreRefusedError) as refused:
            await house.carrying.fetch(target, backup, here)
        assert refused.value.hint


# The port


@pytest.fixture(params=["fake", "control socket"])
async def port(request: pytest.FixtureRequest, house: House, tmp_path: Path) -> AsyncIterator[Targets]:
    if request.param == "fake":
        yield FakeTargets()
        return
    path = tmp_path / "control.sock"
    async with ControlServer(path, handlers(house.keeper, house.carrying)), ControlClient(path) as control:
        yield ControlTargets(control)


async def test_the_port_sets_up_shows_tests_and_removes(port: Targets, house: House) -> None:
    assert list(await port.all()) == []
    await port.add(ANNA, "nas", "directory")
    assert "it lacks folder" in (await port.test("nas")).problem
    await port.set(ANNA, "nas", "folder", str(house.folder))
    await port.set(ANNA, "nas", "password", SECRET)
    tested = await port.test("nas")
    assert (tested.problem, len(tested.steps) > 1) == ("", True)
    (shown,) = await port.all()
    assert (shown.name, shown.kind, shown.where) == ("nas", "directory", str(house.folder))
    assert (shown.settings["password"], shown.settings["daily"]) == ("set", 7)
    assert SECRET not in repr(shown)
    assert (await port.new_key(ANNA, "nas")).startswith("ssh-ed25519 ")
    assert (await port.all())[0].settings["secret"] == "private key"
    for attempt in (
        port.set(ANNA, "nas", "daily", "many"), port.add(ANNA, "a b", "ftp"), port.test("disk"),
        port.kept("disk"), port.remove(ANNA, "disk"),
    ):  # fmt: skip
        with pytest.raises(BackupRefusedError) as refused:
            await attempt
        assert refused.value.hint
    await port.remove(ANNA, "nas")
    assert list(await port.all()) == []

"""With the store missing, locked or damaged, calls are routed by the last good table, and that is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pysqlite3
import pytest

from appliance.config import Config
from appliance.housekeeping import Housekeeping
from appliance.plans import Plans, keeper
from appliance.routing_file import RoutingFile
from appliance.store_keeper import StoreKeeper
from db.errors import StoreUnavailableError
from db.sample import sample_office
from db.store import Store, prepare
from db.stores.jobs import JobRun
from db.variables.states import Actor
from scheduler.service import Planner
from tests.fakes.services import FakeServices

CLI = Actor("root", "", "cli")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config.load({"CALLISTO_STATE": str(tmp_path)}, tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with the sample office."""
    path = tmp_path / "callisto.db"
    prepare(f"sqlite:///{path}")
    with Store.open(f"sqlite:///{path}") as store:
        store.office.write(sample_office(), CLI)
    (tmp_path / "spool").mkdir()
    return path


@pytest.fixture
async def plans() -> AsyncIterator[Plans]:
    async def keep(_run: JobRun) -> None:
        pass

    planner = Planner(ZoneInfo("UTC"), keeper(keep))
    yield Plans(planner, FakeServices())
    await planner.close()


class Appliance:
    """The supervisor's side of the store; another one is another start."""

    def __init__(self, config: Config, plans: Plans) -> None:
        self.keeper = StoreKeeper(
            config.store_url, config.store_url_shown, config.edition, make=not config.routing_file.exists()
        )
        self.house = Housekeeping(config, self.keeper, plans)
        self._file = config.routing_file

    async def look(self) -> str:
        """What is wrong with the store, once it has been looked at."""
        fine = await self.house.look()
        assert fine == (not self.keeper.state().error)
        return self.keeper.state().error

    @property
    def groups(self) -> set[str]:
        """What the router routes by."""
        table = RoutingFile(self._file).look()
        assert table is not None
        return set(table.groups)


def raw(path: Path) -> Any:
    return closing(pysqlite3.connect(str(path), timeout=1, isolation_level=None))


def missing(path: Path) -> None:
    for one in path.parent.glob("callisto.db*"):
        one.unlink()


def no_database(path: Path) -> None:
    missing(path)
    path.write_bytes(b"this is no database" * 1000)


def emptied(path: Path) -> None:
    missing(path)
    path.touch()


def overwritten_pages(path: Path) -> None:
    """The first pages are whole: the revision can be read, the office cannot."""
    with raw(path) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        roots = [
            row[0] for row in connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'groups'")
        ]
    with path.open("r+b") as file:
        for root in roots:
            file.seek((root - 1) * size)
            file.write(b"\xff" * size)


@pytest.mark.parametrize("damage", [missing, no_database, emptied, overwritten_pages])
async def test_a_start_without_the_store_leaves_the_last_good_table(
    config: Config, path: Path, plans: Plans, damage: Any
) -> None:
    before = Appliance(config, plans)
    assert await before.look() == ""
    before.keeper.close()
    copy = path.read_bytes()
    table = config.routing_file.read_bytes()
    damage(path)
    after = Appliance(config, plans)
    with suppress(StoreUnavailableError):
        await after.keeper.open()
    error = await after.look()
    assert "callisto.db" in error
    assert config.routing_file.read_bytes() == table
    assert after.groups == {"100", "110"}
    after.keeper.close()
    missing(path)
    path.write_bytes(copy)
    later = Appliance(config, plans)
    assert await later.look() == ""


async def test_a_store_that_is_put_back_is_used_again_without_a_restart(
    config: Config, path: Path, plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.store_keeper.AGAIN_AFTER", 0.0)
    before = Appliance(config, plans)
    assert await before.look() == ""
    before.keeper.close()
    away = path.rename(path.with_name("away"))
    after = Appliance(config, plans)
    assert "is not there any more" in await after.look()
    assert not path.exists()
    away.rename(path)
    with Store.open(config.store_url) as store:
        office = sample_office()
        store.office.write(type(office)(users=office.users, groups=office.groups[:1]), CLI)
    assert await after.look() == ""
    assert len(after.groups) == 1


async def test_a_locked_store_leaves_the_last_good_table(
    config: Config, path: Path, plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.engine._PRAGMAS", ("busy_timeout=100",))
    monkeypatch.setattr("db.prepare.OPEN_WITHIN", 0.1)
    before = Appliance(config, plans)
    assert await before.look() == ""
    before.keeper.close()
    with raw(path) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        after = Appliance(config, plans)
        assert "callisto.db" in await after.look()
        assert after.groups == {"100", "110"}


async def test_the_first_start_makes_the_store(config: Config, plans: Plans) -> None:
    one = Appliance(config, plans)
    await one.keeper.open()
    assert await one.look() == ""
    assert one.groups == set()

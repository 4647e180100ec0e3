"""With its journal a damaged store is what it was after its last answered change."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pysqlite3
import pytest
from sqlalchemy import Connection

from db.backup.making import make
from db.backup.names import name_of
from db.backup.source import Source
from db.engine import Database, parse_url
from db.journal import files, snapshots
from db.repair.diagnosis import diagnose
from db.repair.job import Folder, Job, new
from db.repair.kept import Kept
from db.repair.steps import Step
from db.repair.work import repair
from db.salvage.shapes import Row
from tests.db import big_store, corrupt

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OWN = ("revision", "journal")


class House:
    """A store with its journal, snapshots and backups."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "store" / "callisto.db"
        self.journal = folder / "journal"
        self.snapshots = folder / "journal" / "snapshots"
        self.backups = folder / "backups"
        self.repairs = Folder(folder / "repair")

    def work(self, *rounds: int) -> None:
        """Whole rounds of changes, a snapshot before each but the first."""
        database = Database(parse_url(f"sqlite:///{self.store}"), journal=self.journal)
        try:
            for number in rounds:
                database.rotate()
                snapshots.take(self.store, self.snapshots)
                for step in range(6):
                    database.change(lambda connection, at=10 * number + step: _changed(connection, at))
        finally:
            database.close()

    def change(self, *at: int) -> None:
        database = Database(parse_url(f"sqlite:///{self.store}"), journal=self.journal)
        try:
            for each in at:
                database.change(lambda connection, each=each: _changed(connection, each))
        finally:
            database.close()

    def repair(self, *, force: bool = False) -> dict[str, Any]:
        sources = Kept(self.journal, self.snapshots, self.backups)
        job: Job = new("admin", self.store, 0, NOON, force=force)
        done = repair(self.repairs, job, lambda _: None, sources)
        assert done.step is Step.START_WEB, done
        left = {each.name for each in self.store.parent.iterdir() if "repairing" in each.name}
        assert not left
        return next(each for each in self.repairs.reports() if each["stamp"] == job.stamp)

    def back_up(self, password: str = "") -> None:
        work = self.backups / "work"
        work.mkdir(parents=True)
        make(
            Source(f"sqlite:///{self.store}", self.backups.parent, work, "1.0"),
            self.backups / name_of("here", datetime.now(UTC)),
            password,
        )

    def forget(self) -> None:
        """Neither journal nor snapshots."""
        shutil.rmtree(self.journal)

    def rows(self) -> dict[str, set[Row]]:
        return {name: rows for name, rows in big_store.truth(self.store).items() if name not in OWN}


def _changed(connection: Connection, at: int) -> None:
    dice = random.Random(at)
    places = ", ".join("?" * 16)
    for each in range(20):
        row = big_store.call(dice, 10_000 * at + each)
        connection.exec_driver_sql(f'INSERT INTO "call" VALUES ({places})', row)
    connection.exec_driver_sql("UPDATE contact SET rank = ? WHERE id % 7 = ?", (at, at % 7))
    connection.exec_driver_sql("DELETE FROM audit WHERE id % 31 = ?", (at % 31,))
    connection.exec_driver_sql("UPDATE users SET name = ? WHERE number = ?", (f"Zoë {at}", "4101"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    house = House(folder)
    house.store.parent.mkdir()
    big_store.make(house.store, 600)
    house.work(1, 2)
    return folder


@pytest.fixture
def house(made: Path, tmp_path: Path) -> House:
    shutil.copytree(made, tmp_path / "house")
    return House(tmp_path / "house")


def damage(house: House, how: Callable[[corrupt.Patient], None], seed: int = 1) -> None:
    corrupt.damaged(house.store, house.store, how, seed)


def table(report: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in report["tables"] if each["table"] == name)
    return found


@pytest.mark.parametrize("name", corrupt.DAMAGES)
def test_with_the_journal_every_answered_change_is_there(house: House, name: str) -> None:
    truth = house.rows()
    damage(house, corrupt.DAMAGES[name])
    report = house.repair(force=True)
    assert house.rows() == truth
    assert report["whole"]
    assert all(each["lost"] == 0 for each in report["tables"])


def test_what_comes_from_snapshot_and_journal_is_told_to(house: House) -> None:
    truth = house.rows()
    damage(house, corrupt.random_pages)
    report = house.repair()
    assert report["how"] == "journal"
    found = table(report, "call")
    assert (found["kept"], found["from_journal"]) == (0, len(truth["call"]))


def test_a_snapshot_that_is_damaged_too_is_passed_over_for_the_one_before(house: House) -> None:
    truth = house.rows()
    damage(house, corrupt.random_pages)
    newest = snapshots.path_of(house.snapshots, max(snapshots.generations(house.snapshots)))
    corrupt.damaged(newest, newest, corrupt.random_pages, 2)
    assert house.repair()["how"] == "journal"
    assert house.rows() == truth


def test_gaps_are_filled_from_a_journal_that_has_one_itself(house: House) -> None:
    truth = house.rows()
    journal = files.path_of(house.journal, max(files.generations(house.journal)))
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 1
    journal.write_bytes(data)
    damage(house, lambda p: corrupt.random_pages(p, 12), 3)
    report = house.repair()
    assert report["how"] == "salvage"
    found = table(report, "call")
    assert found["from_journal"] > 0
    assert found["kept"] + found["from_journal"] == found["rows"]
    assert len(truth["call"] - house.rows()["call"]) < 20  # those of the damaged record at most
    assert any("damaged after change" in each for each in report["notes"])


def test_without_a_snapshot_the_journal_alone_still_names_what_it_has(house: House) -> None:
    truth = house.rows()
    shutil.rmtree(house.snapshots)
    damage(house, lambda p: corrupt.random_pages(p, 40), 5)
    report = house.repair()
    assert report["how"] == "salvage"
    assert sum(each["from_journal"] for each in report["tables"]) > 0
    assert not any(rows - truth[name] for name, rows in house.rows().items())


def test_a_journal_that_ends_before_the_store_is_not_taken_for_it(house: House) -> None:
    """Somebody has removed its last generation."""
    truth = house.rows()
    newest = max(files.generations(house.journal))
    files.path_of(house.journal, newest).unlink()
    damage(house, corrupt.header)
    report = house.repair()
    assert report["how"] == "salvage"
    assert house.rows() == truth
    assert any("not the store" in each for each in report["notes"])


def test_a_store_that_changed_beside_its_journal_is_salvaged(house: House) -> None:
    raw = pysqlite3.connect(str(house.store))
    raw.execute("UPDATE journal SET generation = 0")  # as after a restore, before anybody writes
    raw.commit()
    raw.close()
    truth = house.rows()
    damage(house, corrupt.header)
    assert house.repair()["how"] == "salvage"
    assert house.rows() == truth


def test_a_log_that_is_gone_is_noticed_by_the_journal_and_put_right(house: House) -> None:
    before = house.store.read_bytes()
    house.work(3)
    truth = house.rows()
    house.store.write_bytes(before)  # as if what was in the log had never come
    assert diagnose(house.store).verdict == "sound"
    found = diagnose(house.store, house.journal)
    assert found.verdict == "damaged"
    assert found.findings[0].startswith("it lacks 5 changes")
    assert house.repair()["how"] == "journal"
    assert house.rows() == truth


def test_a_store_that_is_with_its_journal_is_sound(house: House) -> None:
    assert diagnose(house.store, house.journal).verdict == "sound"
    truncated = files.path_of(house.journal, max(files.generations(house.journal)))
    with truncated.open("ab") as file:
        file.write(b"\x50\0\0\0torn")
    assert diagnose(house.store, house.journal).verdict == "sound"


def test_without_a_journal_the_last_backup_fills_the_gaps(house: House) -> None:
    truth = house.rows()
    house.back_up()
    house.forget()
    damage(house, lambda p: corrupt.random_pages(p, 12), 3)
    report = house.repair()
    assert report["how"] == "salvage"
    assert table(report, "call")["from_backup"] > 0
    assert table(report, "call")["lost"] == 0
    assert house.rows() == truth


def test_a_backup_with_a_password_is_named_as_one_that_could_not_be_read(house: House) -> None:
    house.back_up("a long password")
    house.forget()
    damage(house, lambda p: corrupt.random_pages(p, 12), 3)
    report = house.repair()
    assert table(report, "call")["from_backup"] == 0
    assert any("it has a password" in each for each in report["notes"])


def test_the_journal_goes_on_from_a_backup(house: House) -> None:
    house.back_up()
    house.work(3)
    truth = house.rows()
    shutil.rmtree(house.snapshots)
    damage(house, lambda p: corrupt.random_pages(p, 40), 5)
    report = house.repair()
    assert report["how"] == "salvage"
    assert table(report, "call")["from_journal"] > 0
    assert table(report, "call")["from_backup"] > 0
    assert house.rows() == truth


def test_what_a_store_lost_when_it_was_put_back_is_joined_with_what_came_since(house: House) -> None:
    before = house.store.read_bytes()
    house.work(3)
    lost = house.rows()["call"]
    house.store.write_bytes(before)
    house.change(40)
    since = house.rows()["call"]
    assert not lost <= since
    report = house.repair(force=True)
    assert report["how"] == "journal"
    assert house.rows()["call"] == lost | since
    assert any("had lost" in each for each in report["notes"])

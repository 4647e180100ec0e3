"""A store with a journal is compacted beside itself: nothing that was answered is lost, nobody waits long."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pysqlite3
import pytest

from db import anew
from db.anew import NotAnewError, put_anew
from db.compact import compact
from db.compacted import Keep
from db.engine import Database, parse_url
from db.journal import snapshots
from db.journal.scrub import scrub
from db.store import Store
from db.variables.states import Actor
from tests.db import big_store
from tests.db.test_compact import A_DAY, NOW, sound

CLI = Actor("root", "", "cli")


class House:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "callisto.db"
        self.journal = folder / "journal"
        self.url = f"sqlite:///{self.path}"

    def database(self) -> Database:
        return Database(parse_url(self.url), journal=self.journal)

    def rows(self) -> dict[str, set[tuple[object, ...]]]:
        return dict(big_store.truth(self.path))

    def left(self) -> set[str]:
        return {each.name for each in self.path.parent.iterdir() if "compacting" in each.name}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    house = House(tmp_path_factory.mktemp("anew") / "house")
    house.path.parent.mkdir()
    big_store.make(house.path, 3000)
    with Store.open(house.url, journal=house.journal) as store:
        store.audit.note(CLI, "first", "")
    return house.path.parent


@pytest.fixture
def house(made: Path, tmp_path: Path) -> House:
    return House(Path(shutil.copytree(made, tmp_path / "house")))


@pytest.fixture
def database(house: House) -> Iterator[Database]:
    with closing(house.database()) as database:
        yield database


def test_it_is_another_file_with_the_same_rows_and_the_same_journal(house: House, database: Database) -> None:
    before, inode = house.rows(), house.path.stat().st_ino
    done = compact(database, Keep(), NOW)
    assert house.path.stat().st_ino != inode
    assert house.rows() == before
    assert done.after < done.before
    assert done.remark == ""
    assert sound(house.path)
    assert house.left() == set()
    assert house.path.stat().st_mode & 0o777 == 0o600
    with Store.open(house.url, journal=house.journal) as store:
        store.audit.note(CLI, "after", "")
    assert [each.name for each in house.journal.glob("*.jnl")] == ["00000001.jnl"]


def test_old_rows_are_gone_and_the_journal_knows(house: House, database: Database) -> None:
    folder = house.path.parent / "snapshots"
    snapshots.take(house.path, folder)
    done = compact(database, A_DAY, NOW)
    assert sum(each.rows for each in done.cleaned) > 1000
    assert scrub(house.path, house.journal, folder).difference == ""


def test_what_others_write_meanwhile_is_there(house: House, database: Database) -> None:
    stop = threading.Event()
    answered: list[str] = []

    def write() -> None:
        with Store.open(house.url, journal=house.journal) as store:
            while not stop.is_set():
                name = f"change {len(answered)}"
                store.audit.note(CLI, name, "")
                answered.append(name)

    writers = threading.Thread(target=write)
    writers.start()
    try:
        for _ in range(3):
            compact(database, Keep(), NOW)
    finally:
        stop.set()
        writers.join()
    found = {row[5] for row in house.rows()["audit"]}
    assert len(answered) > 20
    assert set(answered) <= found
    assert sound(house.path)


def test_a_reader_who_looks_on_sees_the_new_file_next_time(house: House, database: Database) -> None:
    with Store.open(house.url, journal=house.journal) as other:
        count = other.calls.count()
        compact(database, Keep(), NOW)
        assert other.calls.count() == count
        other.audit.note(CLI, "by another", "")
    assert "by another" in {row[5] for row in house.rows()["audit"]}


def test_what_was_written_past_the_journal_stays(
    house: House, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a program of others: then it is compacted in its place."""
    raw = pysqlite3.connect(str(house.path), isolation_level=None)
    real = anew._copy

    def copied(path: Path, journal: Path, copy: Path) -> None:
        real(path, journal, copy)
        raw.execute("UPDATE contact SET rank = 99 WHERE id = 5")

    with monkeypatch.context() as patch:
        patch.setattr("db.anew._copy", copied)
        with pytest.raises(NotAnewError, match="table contact was changed past the journal"):
            put_anew(house.path, house.journal, database.alone)
    raw.close()
    assert house.left() == set()
    done = compact(database, Keep(), NOW)
    assert done.after < done.before
    assert next(row for row in house.rows()["contact"] if row[0] == 5)[2] == 99


def test_a_reader_who_stays_keeps_the_old_file(
    house: House, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.anew.WITHIN", 0.2)
    reader = pysqlite3.connect(str(house.path), isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM call").fetchone()
    with Store.open(house.url, journal=house.journal) as store:
        store.audit.note(CLI, "in the log", "")
    with pytest.raises(NotAnewError, match="somebody reads"):
        put_anew(house.path, house.journal, database.alone)
    reader.close()
    assert house.left() == set()


class Killed(BaseException):
    """As SIGKILL: nothing is put in order."""


def test_killed_at_any_step_there_is_the_old_or_the_new_store(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = new = 0
    before = House(made).rows()
    inode = -1
    for step in range(60):
        house = House(Path(shutil.copytree(made, tmp_path / str(step))))
        inode = house.path.stat().st_ino
        killed = False
        with closing(house.database()) as database, monkeypatch.context() as patch:
            calls = iter(range(1000))

            def counted(
                call: Callable[..., object], step: int = step, calls: Iterator[int] = calls
            ) -> object:
                def counting(*args: object, **named: object) -> object:
                    if next(calls) >= step:
                        raise Killed
                    return call(*args, **named)

                return counting

            for name in ("unlink", "replace", "fsync"):
                patch.setattr(f"os.{name}", counted(getattr(os, name)))
            try:
                put_anew(house.path, house.journal, database.alone)
            except Killed:
                killed = True
        is_new = house.path.stat().st_ino != inode
        new, old = new + is_new, old + (not is_new)
        assert house.rows() == before
        assert sound(house.path)
        with closing(house.database()) as database:
            compact(database, Keep(), NOW)
        assert house.rows() == before
        assert house.left() == set()
        shutil.rmtree(house.path.parent)
        if not killed:
            break
    assert not killed
    assert old > 3
    assert new > 1

"""The journal is kept: compared with the store, begun anew with a snapshot, let go when it is old."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pysqlite3
import pytest

from db.engine import Database, parse_url
from db.errors import RefusedError, StoreError
from db.journal import files, keeping, snapshots
from db.journal.format import Place
from db.journal.keeping import keep
from db.journal.replay import replay
from db.journal.scrub import scrub
from db.journal.writer import place_of
from db.repair.job import Folder, new
from db.repair.kept import Kept
from db.repair.work import repair
from db.store import prepare


class Office:
    """A store with a journal, and everything of it in one folder."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "callisto.db"
        self.journal = folder / "journal"
        self.snapshots = self.journal / "snapshots"
        self.written = 0
        if not self.store.exists():
            prepare(f"sqlite:///{self.store}")
        self.database = Database(parse_url(f"sqlite:///{self.store}"), journal=self.journal)

    def write(self, times: int = 1) -> None:
        for _ in range(times):
            self.written += 1
            self.database.record(
                lambda c: c.exec_driver_sql(
                    "INSERT INTO audit (at, user, address, channel, action, detail)"
                    f" VALUES ('2026', 'u', '', '', '', '{self.written}')"
                )
            )

    def keep(self) -> keeping.Round:
        return keep(self.store, self.journal, self.snapshots)

    def details(self, path: Path | None = None) -> list[int]:
        with closing(pysqlite3.connect(str(path or self.store))) as raw:
            return [int(row[0]) for row in raw.execute("SELECT detail FROM audit ORDER BY id")]

    def damage(self, statement: str) -> None:
        """Past the journal."""
        with closing(pysqlite3.connect(str(self.store), isolation_level=None)) as raw:
            raw.execute(statement)

    def snapshots_and_journals(self) -> tuple[list[int], list[int]]:
        return snapshots.generations(self.snapshots), files.generations(self.journal)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_each_round_compares_and_begins_a_generation_and_two_are_kept(office: Office) -> None:
    office.write(3)
    assert keeping.lacks_snapshot(place(office), office.journal, office.snapshots)
    first = office.keep()
    assert (first.finding, first.since, first.generation) == ("", None, 2)
    assert first.bytes > 0
    assert not keeping.lacks_snapshot(place(office), office.journal, office.snapshots)
    for number in range(3):
        office.write(5)
        done = office.keep()
        assert (done.finding, done.generation) == ("", 3 + number)
        assert done.records == (5 if number == 0 else 10)
        assert done.since is not None
    assert office.snapshots_and_journals() == ([4, 5], [4, 5])
    assert keeping.journal_bytes(office.journal, office.snapshots) < 5000


def test_after_a_difference_nothing_is_rotated_and_what_to_do_is_said(office: Office) -> None:
    office.keep()
    office.write(2)
    before = office.snapshots_and_journals()
    office.damage("UPDATE audit SET user = 'x' WHERE id = 2")
    done = office.keep()
    assert done.finding == "table audit, id 2: the row is not as in the journal"
    assert "repair start force" in done.hint
    assert done.generation == 0
    assert office.snapshots_and_journals() == before
    office.damage("DELETE FROM audit WHERE id = 2")
    assert office.keep().finding == "table audit, id 2: the row is missing"


def test_what_passed_the_journal_by_is_undone_by_a_repair_and_the_next_round_is_good(
    office: Office, tmp_path: Path
) -> None:
    office.keep()
    office.write(4)
    office.damage("UPDATE audit SET detail = '99' WHERE id = 2")
    assert office.keep().finding != ""
    folder = Folder(tmp_path / "repair")
    job = new("admin", office.store, 0, datetime(2026, 11, 23, tzinfo=UTC), force=True)
    sources = Kept(office.journal, office.snapshots, tmp_path / "backups")
    done = repair(folder, job, lambda _: None, sources)
    assert not done.failed, done.result
    assert office.details() == [1, 2, 3, 4]
    assert keeping.lacks_snapshot(place(office), office.journal, office.snapshots)
    office.write()
    assert office.keep().finding == ""
    assert office.details() == [1, 2, 3, 4, 5]


def test_a_damaged_store_is_a_finding(office: Office) -> None:
    office.keep()
    office.write(2)
    office.database.close()
    with office.store.open("r+b") as file:
        file.write(bytes(4096))
    done = office.keep()
    assert "damaged" in done.finding
    assert "repair start" in done.hint


@pytest.mark.parametrize("what", ["journal", "header", "snapshot"])
def test_a_damaged_journal_is_said_and_a_new_snapshot_makes_up_for_it(office: Office, what: str) -> None:
    office.keep()
    office.write(4)
    generation = place(office).generation
    if what == "snapshot":
        path = snapshots.path_of(office.snapshots, generation)
        path.write_bytes(path.read_bytes()[:5000])
    else:
        path = files.path_of(office.journal, generation)
        data = path.read_bytes()
        at = 100 if what == "header" else data.index(b'"audit",[[2')
        path.write_bytes(data[:at] + b"*" + data[at + 1 :])
    done = office.keep()
    assert (done.finding != "", done.since, done.generation) == (True, None, generation + 1)
    office.write()
    again = office.keep()
    assert (again.finding != "", again.since) == (what != "header", generation + 1)
    assert office.keep().finding == ""
    assert snapshots.generations(office.snapshots) == [generation + 2, generation + 3]


@pytest.mark.parametrize("written", [True, False])
def test_a_store_that_has_lost_answered_changes_is_a_finding_and_its_journal_is_kept(
    office: Office, *, written: bool
) -> None:
    office.keep()
    office.write()
    office.database.close()
    old = office.store.read_bytes()
    office.database = Database(parse_url(f"sqlite:///{office.store}"), journal=office.journal)
    office.write(3)
    office.database.close()
    office.store.write_bytes(old)
    if written:
        office.database = Database(parse_url(f"sqlite:///{office.store}"), journal=office.journal)
        office.write()  # the writer finds it, and begins another generation
    done = office.keep()
    assert "lacks changes that had been answered" in done.finding
    for _ in range(4):
        assert office.keep().finding == ""
    assert 1 in files.generations(office.journal)
    month = 31 * 86400
    snapshots.prune(
        office.snapshots, office.journal, place(office), now=office.journal.stat().st_mtime + month
    )
    assert 1 not in files.generations(office.journal)


def test_a_migrated_store_begins_again_and_is_no_finding(office: Office) -> None:
    office.keep()
    office.write(2)
    office.damage("UPDATE journal SET generation = 0")  # as a migration, a repair and a restore leave it
    assert keeping.lacks_snapshot(place(office), office.journal, office.snapshots)
    office.write()
    done = office.keep()
    assert (done.finding, done.since) == ("", None)
    office.write(2)
    again = office.keep()
    assert (again.finding, again.since, again.records) == ("", done.generation, 2)


def test_without_room_nothing_is_begun(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.journal.keeping.ROOM_AT_LEAST", 1 << 60)
    with pytest.raises(RefusedError, match="MB are free") as refused:
        office.keep()
    assert "make room" in refused.value.hint
    assert snapshots.generations(office.snapshots) == []


@pytest.mark.parametrize("what", ["the copy", "the look at it"])
def test_a_snapshot_that_cannot_be_written_leaves_everything_as_it_was(
    office: Office, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    office.keep()
    office.write(2)
    before = snapshots.generations(office.snapshots)

    def full(_raw: object) -> object:
        raise pysqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        if what == "the copy":
            patch.setattr("db.journal.snapshots._looked_at", full)
        else:
            patch.setattr("db.journal.snapshots._problems", lambda _raw: ["page 7 is damaged"])
        with pytest.raises(StoreError, match="full" if what == "the copy" else "page 7") as refused:
            office.keep()
    assert refused.value.hint
    assert snapshots.generations(office.snapshots) == before
    assert not list(office.snapshots.glob("*.part"))
    office.write()
    assert office.keep().finding == ""


def test_a_writer_that_was_killed_between_journal_and_commit_is_no_difference(office: Office) -> None:
    """What it left is in the journal and not in the store, and nobody has written since."""
    office.keep()
    office.write(2)
    office.database.close()
    store = office.store.read_bytes()
    office.database = Database(parse_url(f"sqlite:///{office.store}"), journal=office.journal)
    office.write()
    office.database.close()
    office.store.write_bytes(store)
    found = scrub(office.store, office.journal, office.snapshots)
    assert (found.difference, found.records) == ("", 2)


# Kills


class KilledError(BaseException):
    """As SIGKILL: nothing is put in order."""


class Kernel:
    """Lets so many calls through that change names or disks, and dies at the next one."""

    CALLS = (
        "open",
        "write",
        "fsync",
        "fdatasync",
        "ftruncate",
        "unlink",
        "replace",
        "rename",
        "mkdir",
        "link",
    )

    def __init__(self, patch: pytest.MonkeyPatch, left: int) -> None:
        self.left = left
        for name in self.CALLS:
            patch.setattr(f"os.{name}", self._counted(getattr(os, name)))

    def _counted(self, call: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **named: object) -> object:
            if self.left == 0:
                raise KilledError
            self.left -= 1
            return call(*args, **named)

        return counted


def test_killed_at_any_step_nothing_is_lost_and_the_next_round_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    before = Office(first)
    for _ in range(2):
        before.write(3)
        before.keep()
    before.write(3)
    before.database.close()
    steps = 0
    for step in range(200):
        here = tmp_path / str(step)
        shutil.copytree(first, here)
        killed = True
        with monkeypatch.context() as patch:
            Kernel(patch, step)
            with suppress(KilledError):
                keep(here / "callisto.db", here / "journal", here / "journal" / "snapshots")
                killed = False
        office = Office(here)
        found = scrub(office.store, office.journal, office.snapshots)
        assert (found.difference, found.since is not None) == ("", True), step
        office.written = 9
        office.write()
        assert again(office) == list(range(1, 11)), step
        done = office.keep()
        assert (done.finding, office.details()) == ("", list(range(1, 11))), step
        assert len(snapshots.generations(office.snapshots)) == snapshots.KEPT
        assert not list(office.snapshots.glob("*.part*"))
        office.database.close()
        shutil.rmtree(here)
        steps += killed
        if not killed:
            break
    assert not killed
    assert steps > 20


def again(office: Office) -> list[int]:
    """The store, made of its oldest snapshot and the journal alone."""
    target = office.store.with_name("again.db")
    since = snapshots.leading(office.snapshots, office.journal, place(office))[0]
    replay(snapshots.path_of(office.snapshots, since), office.journal, target)
    return office.details(target)


def place(office: Office) -> Place:
    with closing(pysqlite3.connect(str(office.store))) as raw:
        return place_of(raw)

"""From a damaged store to a sound one: the right way, the right report, and always one of the two stores."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pysqlite3
import pytest

from db.errors import StoreUnavailableError
from db.exchange import exchanging, writing
from db.journal.format import Place
from db.repair import report
from db.repair.diagnosis import diagnose
from db.repair.found import of_json
from db.repair.job import Folder, Job, new
from db.repair.sources import Known
from db.repair.steps import Step
from db.repair.work import SOUND, recover, repair
from db.salvage.format import Kind
from db.store import Store
from db.variables.states import Actor
from tests.db import big_store, corrupt

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FLOOR = 5000


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("repair") / "sound.db"
    big_store.make(path, 600)
    return path


@pytest.fixture
def path(sound: Path, tmp_path: Path) -> Path:
    """A store of one's own, in a folder of its own."""
    folder = tmp_path / "store"
    folder.mkdir()
    return Path(shutil.copy(sound, folder / "callisto.db"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "repair")


def job(path: Path, *, force: bool = False) -> Job:
    return new("admin", path, FLOOR, NOON, force=force)


def damage(path: Path, how: Callable[[corrupt.Patient], None], seed: int = 1) -> bytes:
    corrupt.damaged(path, path, how, seed)
    return path.read_bytes()


def told(folder: Folder) -> dict[str, object]:
    (only,) = folder.reports()
    return only


def table(folder: Folder, name: str) -> dict[str, object]:
    tables = told(folder)["tables"]
    assert isinstance(tables, list)
    found: dict[str, object] = next(each for each in tables if each["table"] == name)
    return found


def leftovers(path: Path) -> set[str]:
    """Names of files, but for those that SQLite makes for readers."""
    return {each.name for each in path.parent.iterdir() if not each.name.endswith(("db-wal", "db-shm"))}


def test_a_sound_store_is_left_alone(path: Path, folder: Folder) -> None:
    before = path.read_bytes()
    assert diagnose(path).verdict == "sound"
    done = repair(folder, job(path), lambda _: None)
    assert (done.step, done.result, done.failed) == (Step.UNDONE, SOUND, False)
    assert path.read_bytes() == before
    assert leftovers(path) == {"callisto.db", "callisto.db.exchange"}
    assert folder.reports() == []


def test_a_sound_store_is_made_anew_when_that_is_asked_for(path: Path, folder: Folder, sound: Path) -> None:
    done = repair(folder, job(path, force=True), lambda _: None)
    assert done.step is Step.START_WEB
    truth, now = big_store.truth(sound), big_store.truth(path)
    truth.pop("revision")
    assert {name: rows for name, rows in now.items() if name != "revision"} == truth
    assert told(folder)["whole"] is True


def test_indexes_whose_roots_are_gone_cost_no_row_either(path: Path, folder: Folder, sound: Path) -> None:
    damage(path, lambda p: corrupt.index_leaves(p, 3))
    repair(folder, job(path), lambda _: None)
    assert told(folder)["whole"] is True
    assert big_store.truth(path)["call"] == big_store.truth(sound)["call"]


def test_damaged_indexes_alone_are_made_anew(path: Path, folder: Folder, sound: Path) -> None:
    def misspelt(p: corrupt.Patient) -> None:
        for page in p.of(Kind.INDEX_LEAF):
            start = (page - 1) * corrupt.SIZE
            at = p.data.find(b"gVariable", start, start + corrupt.SIZE)
            if at >= 0:
                p.data[at : at + 1] = b"z"

    before = damage(path, misspelt)
    found = diagnose(path)
    assert found.verdict == "indexes"
    assert found.findings
    repair(folder, job(path), lambda _: None)
    assert told(folder)["how"] == "indexes"
    assert big_store.truth(path)["call"] == big_store.truth(sound)["call"]
    assert path.with_name("callisto.db.damaged-20261122-120000").read_bytes() == before


@pytest.mark.parametrize(
    "how", [corrupt.header, corrupt.page_one, corrupt.schema, corrupt.roots, corrupt.interiors]
)
def test_what_the_salvage_saves_whole_is_told_to_be_whole(
    path: Path, folder: Folder, sound: Path, how: Callable[[corrupt.Patient], None]
) -> None:
    before = damage(path, how)
    assert diagnose(path).verdict == "damaged"
    done = repair(folder, job(path), lambda _: None)
    assert "repaired" in done.result
    truth, now = big_store.truth(sound), big_store.truth(path)
    truth.pop("revision")
    ((_, number, *_),) = now.pop("revision")
    assert now == truth
    assert isinstance(number, int)
    assert number > FLOOR
    assert table(folder, "call")["kept"] == len(truth["call"])
    assert path.with_name("callisto.db.damaged-20261122-120000").read_bytes() == before


def test_lost_rows_are_named_from_an_index(path: Path, folder: Folder, sound: Path) -> None:
    damage(path, lambda p: corrupt.random_pages(p, 12), 3)
    repair(folder, job(path), lambda _: None)
    truth, now = big_store.truth(sound), big_store.truth(path)
    assert now["call"] < truth["call"]
    found = table(folder, "call")
    named, lost = found["named"], found["lost"]
    assert isinstance(named, list)
    assert lost == len(named) > 0
    gone = {row[0] for row in truth["call"] - now["call"]}
    assert {each["id"] for each in named if len(str(each.get("id"))) == 32} <= gone
    lines = list(report.lines(told(folder)))
    assert any(line.startswith("  call: lost: ") for line in lines)
    assert not any("argon2" in line for line in lines)
    assert (folder.path / "20261122-120000.json").stat().st_mode & 0o777 == 0o600


class LastKnown:
    """What a journal would know."""

    journal = None

    def __init__(self, path: Path) -> None:
        self._path = path

    def replay(self, into: Path, place: Place | None) -> bool:
        return False

    def rows(self, table: str, into: Path) -> Iterable[Known]:
        return (Known(row, "journal") for row in big_store.rows(self._path, table))

    def notes(self) -> tuple[str, ...]:
        return ()


def test_gaps_are_filled_with_what_the_journal_knows(path: Path, folder: Folder, sound: Path) -> None:
    damage(path, lambda p: corrupt.random_pages(p, 12), 3)
    repair(folder, job(path), lambda _: None, LastKnown(sound))
    assert big_store.truth(path)["call"] == big_store.truth(sound)["call"]
    found = table(folder, "call")
    assert found["lost"] == 0
    assert int(str(found["from_journal"])) > 0
    assert int(str(found["from_journal"])) + int(str(found["kept"])) == len(big_store.truth(sound)["call"])


def test_a_whole_chain_is_replayed_instead_of_a_salvage(path: Path, folder: Folder, sound: Path) -> None:
    class Whole(LastKnown):
        def replay(self, into: Path, place: Place | None) -> bool:
            shutil.copy(sound, into)
            return True

    damage(path, lambda p: corrupt.random_pages(p, 12), 3)
    repair(folder, replace(job(path), floor=1), lambda _: None, Whole(sound))
    assert told(folder)["how"] == "journal"
    assert big_store.truth(path)["audit"] == big_store.truth(sound)["audit"]


def test_a_damaged_log_is_found_and_what_it_holds_is_saved(
    path: Path, folder: Folder, sound: Path, tmp_path: Path
) -> None:
    def change(raw: object) -> None:
        raw.execute("UPDATE contact SET rank = 3")  # type: ignore[attr-defined]
        raw.execute("DELETE FROM audit WHERE id < 50")  # type: ignore[attr-defined]

    _, log = corrupt.with_log(sound, tmp_path / "with.db", change)  # type: ignore[arg-type]
    shutil.copy(tmp_path / "with.db", path)
    corrupt.flipped_log(log, path.with_name("callisto.db-wal"), 5, bits=3)
    found = diagnose(path)
    assert found.verdict == "damaged"
    assert found.bad_frames
    before = path.with_name("callisto.db-wal").read_bytes()
    repair(folder, job(path), lambda _: None)
    assert path.with_name("callisto.db.damaged-20261122-120000-wal").read_bytes() == before
    now = big_store.truth(path)["contact"]
    assert sum(row[2] == 3 for row in now) > len(now) * 0.7


def test_a_diagnosis_passes_as_json(path: Path) -> None:
    damage(path, lambda p: corrupt.random_pages(p, 6))
    found = diagnose(path)
    assert found.tables
    assert of_json(found.as_json()) == found


def test_a_missing_store_is_said(path: Path, folder: Folder) -> None:
    path.unlink()
    assert diagnose(path).verdict == "missing"
    done = repair(folder, job(path), lambda _: None)
    assert done.failed
    assert "no file" in done.result
    assert not path.exists()


# Others meanwhile


def test_nobody_writes_while_a_store_is_repaired_and_everybody_reads_on(path: Path, folder: Folder) -> None:
    seen: list[str] = []
    with Store.open(f"sqlite:///{path}", ram_mb=2048) as store:

        def look(at: Job) -> None:
            if at.step is Step.BUILD:
                assert store.calls.count() > 0
                with pytest.raises(StoreUnavailableError, match="is being repaired"):
                    store.variables.set("gTimeServer", "ntp.example.org", Actor("admin", "", "cli"))
                seen.append("refused")

        before = store.revision()
        repair(folder, job(path, force=True), look)
        assert seen == ["refused"]
        assert store.revision() > max(FLOOR, before)
        store.audit.note(Actor("admin", "", "cli"), "after", "the repair")
    with Store.open(f"sqlite:///{path}", ram_mb=2048) as again:
        assert again.audit.latest(1)[0].action == "after"


def test_one_who_looked_on_leaves_the_new_log_alone(path: Path, folder: Folder) -> None:
    """SQLite would delete the log beside a file when its last reader closes it."""
    late = pysqlite3.connect(str(path), isolation_level=None)
    late.execute("BEGIN")
    late.execute("SELECT count(*) FROM call").fetchone()
    repair(folder, job(path, force=True), lambda _: None)
    with Store.open(f"sqlite:///{path}", ram_mb=2048) as store:
        store.audit.note(Actor("admin", "", "cli"), "kept", "in the log")
        late.close()
        assert path.with_name("callisto.db-wal").stat().st_size > 0
        with Store.open(f"sqlite:///{path}", ram_mb=2048) as other:
            assert other.audit.latest(1)[0].action == "kept"


def test_a_foreign_writer_is_noticed_and_the_store_stays_his(path: Path, folder: Folder) -> None:
    def write(at: Job) -> None:
        if at.step is Step.CHECK:
            raw = pysqlite3.connect(str(path), isolation_level=None)
            raw.execute("DELETE FROM audit WHERE id = 5")
            raw.close()

    done = repair(folder, job(path, force=True), write)
    assert done.failed
    assert "somebody wrote" in done.result
    assert leftovers(path) <= {"callisto.db", "callisto.db.exchange"}


def test_two_repairs_at_once_are_one(path: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.repair.work.ALONE_WITHIN", 0.0)
    with exchanging(path, 1.0):
        done = repair(folder, job(path, force=True), lambda _: None)
    assert done.failed
    assert "by another process" in done.result


def test_a_store_that_cannot_be_read_is_opened_once_it_can(path: Path, folder: Folder) -> None:
    damage(path, corrupt.page_one)
    with pytest.raises(StoreUnavailableError):
        Store.open(f"sqlite:///{path}", ram_mb=2048)
    with Store.open(f"sqlite:///{path}", ram_mb=2048, at_once=False) as store:
        with pytest.raises(StoreUnavailableError) as refused:
            store.variables.all()
        assert "Repair Database" in refused.value.hint
        repair(folder, job(path), lambda _: None)
        assert store.calls.count() > 0
        assert store.revision() > FLOOR


def test_writers_keep_an_exchange_off_and_it_keeps_them_off(path: Path) -> None:
    with writing(path), pytest.raises(StoreUnavailableError), exchanging(path, 0.05):
        pass
    with exchanging(path, 0.05), pytest.raises(StoreUnavailableError), writing(path):
        pass


# Kills


class Killed(BaseException):
    """As SIGKILL: nothing is put in order."""


class Kernel:
    """Counts what changes names or the disk; the last one it lets through is the `die_at`-th."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, die_at: int) -> None:
        self.left = die_at
        self.calls = 0
        for name in ("link", "unlink", "replace", "fsync"):
            monkeypatch.setattr(f"os.{name}", self._counted(getattr(os, name)))

    def _counted(self, call: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **named: object) -> object:
            self.calls += 1
            if self.calls > self.left:
                raise Killed
            return call(*args, **named)

        return counted


def test_killed_at_any_step_there_is_the_old_or_the_new_store(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = corrupt.damaged(sound, tmp_path / "bad.db", corrupt.schema, 1).read_bytes()
    old, finished, undone = 0, 0, 0
    truth = big_store.truth(sound)["call"]
    for step in range(200):
        place = tmp_path / str(step)
        place.mkdir()
        path, folder = place / "callisto.db", Folder(place / "repair")
        path.write_bytes(bad)
        path.with_name("callisto.db-wal").write_bytes(b"")
        folder.keep_job(job(path))
        killed = True
        with monkeypatch.context() as patch:
            Kernel(patch, step)
            try:
                repair(folder, job(path), lambda _: None)
                killed = False
            except Killed:
                pass
        done = recover(folder)
        is_old = path.read_bytes() == bad
        old += is_old
        if is_old:
            assert done is not None
            assert done.step is Step.UNDONE
            assert folder.reports() == []
            assert leftovers(path) <= {"callisto.db", "callisto.db.exchange", "repair"}
            undone += 1
            repair(folder, job(path), lambda _: None)
        else:
            finished += killed
        assert big_store.truth(path)["call"] == truth
        assert path.with_name("callisto.db.damaged-20261122-120000").read_bytes() == bad
        assert recover(folder) is None or folder.job() is not None
        assert len(folder.reports()) == 1
        shutil.rmtree(place)
        if not killed:
            break
    assert not killed
    assert undone > 5
    assert finished > 3

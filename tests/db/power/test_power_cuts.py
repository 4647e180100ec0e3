"""The power is cut at any moment while two processes write and the journal is kept: nothing answered is lost.

What they really write is noted by a shim below SQLite and Python, and disks are made of it as a cut would
leave them (`model`): 600 in CI, or as many as CUTS in the environment says.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pysqlite3
import pytest

from db.engine import Database, parse_url
from db.journal import snapshots
from db.journal.keeping import keep
from db.journal.replay import replay
from db.journal.scrub import scrub
from db.journal.writer import place_of
from db.store import prepare
from tests import needs
from tests.db.power.model import Disk, Noted, notes

ROOT = Path(__file__).parents[3]
CUTS = int(os.environ.get("CUTS", "600" if os.environ.get("CI") == "true" else "40"))
GOES_ON_EVERY = 8
"""Of so many cuts one is followed by more work."""

WRITER = """
import os, random, sys
from pathlib import Path
from db import engine
from db.engine import Database, parse_url
from db.journal.keeping import keep
engine._PRAGMAS = tuple(each for each in engine._PRAGMAS if "autocheckpoint" not in each)
engine._PRAGMAS += ("wal_autocheckpoint=40",)
root, who, keeps, number_of = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "keeps", int(sys.argv[4])
exec(sys.argv[5])
dice = random.Random(who)
answered = os.open(root / "answered", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
database = Database(parse_url(f"sqlite:///{root}/callisto.db"), journal=root / "journal")
insert = "INSERT INTO audit (at, user, address, channel, action, detail) VALUES ('2026', ?, '', '', ?, ?)"
for number in range(number_of):
    def work(connection):
        connection.exec_driver_sql(insert, (who, str(number), "x" * dice.choice((1, 50, 3000))))
        if number % 7 == 6:
            connection.exec_driver_sql("DELETE FROM audit WHERE user = ? AND action = ?",
                                       (who, str(number - 3)))
        if number % 5 == 4:
            connection.exec_driver_sql("UPDATE audit SET detail = 'new' WHERE user = ? AND action = ?",
                                       (who, str(number - 1)))
    database.record(work)
    os.write(answered, f"{who} {number}\\n".encode())
    if keeps and number % 30 == 20:
        done = keep(root / "callisto.db", root / "journal", root / "journal" / "snapshots")
        assert not done.finding, done
database.close()
"""


@dataclass(frozen=True)
class Written:
    """`before`: the folder before; `log`: all that was done; `answered`: after which note, who, which."""

    root: Path
    before: Path
    log: list[Noted]
    answered: list[tuple[int, str, int]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write(tmp_path_factory.mktemp("power"), 90)


def write(folder: Path, times: int, careless: str = "") -> Written:
    """`careless`: a statement that spoils the writers."""
    shim, root, before = folder / "shim.so", folder / "root", folder / "before"
    compiler = [needs.program("gcc"), "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(shim)]
    subprocess.run([*compiler, str(Path(__file__).with_name("shim.c")), "-ldl"], check=True)
    root.mkdir()
    prepare(f"sqlite:///{root}/callisto.db")
    assert not keep(root / "callisto.db", root / "journal", root / "journal" / "snapshots").finding
    shutil.copytree(root, before)
    env = {
        **os.environ, "PYTHONPATH": str(ROOT), "LD_PRELOAD": str(shim), "POWER_ROOT": str(root),
        "POWER_LOG": str(folder / "log"),
    }  # fmt: skip
    argv = [sys.executable, "-P", "-c", WRITER, str(root)]
    writers = [
        subprocess.Popen([*argv, who, how, str(times), careless], env=env)
        for who, how in (("a", "keeps"), ("b", "writes"))
    ]
    assert [each.wait(120) for each in writers] == [0, 0]
    log = list(notes(folder / "log"))
    return Written(root, before, log, list(_answered(log)))


def _answered(log: list[Noted]) -> Iterator[tuple[int, str, int]]:
    handles = set()
    for place, noted in enumerate(log):
        handle = noted.pid, noted.fd
        if noted.op == "o":
            (handles.add if noted.data.endswith(b"/answered") else handles.discard)(handle)
        elif noted.op == "w" and handle in handles:
            who, number = noted.data.decode().split()
            yield place, who, int(number)


def test_the_log_has_what_was_done(written: Written) -> None:
    """All of it applied is the folder as the writers left it."""
    disk = _disk(written)
    for noted in written.log:
        disk.take(noted)
    left = written.root.with_name("left")
    disk.cut(left, _Everything())
    for path in sorted(written.root.rglob("*")):
        if path.is_file() and not path.name.endswith("-shm") and path.name != "last.json":
            assert (left / path.relative_to(written.root)).read_bytes() == path.read_bytes(), path
    assert len(written.answered) == 180
    assert {noted.op for noted in written.log} == set("owtsru")


class _Everything(random.Random):
    """Dice by which nothing is lost."""

    def random(self) -> float:
        return 0.0

    def choice(self, seq: tuple[float, ...]) -> float:  # type: ignore[override]
        return seq[-1]

    def randint(self, a: int, b: int) -> int:
        return b


@pytest.mark.timeout(900)
def test_after_a_cut_at_any_moment_all_answered_changes_are_there_and_nothing_is_damaged(
    written: Written, tmp_path: Path
) -> None:
    dice = random.Random(20261123)
    cuts = [dice.randrange(1, len(written.log)) for _ in range(CUTS)]
    _walk(written, tmp_path, dice, cuts)


@pytest.mark.parametrize(
    "careless",
    [
        "engine._PRAGMAS += ('synchronous=NORMAL',)",
        "from db.journal import files; files.os.fdatasync = lambda handle: None",
        "from db.journal import files; files.sync_folder = lambda folder: None",
    ],
)
def test_writers_that_sync_less_are_found_out(tmp_path: Path, careless: str) -> None:
    written = write(tmp_path, 50, careless)
    dice = random.Random(1)
    with pytest.raises((AssertionError, pysqlite3.Error)):
        _walk(written, tmp_path / "left", dice, [dice.randrange(1, len(written.log)) for _ in range(300)])


def _walk(written: Written, folder: Path, dice: random.Random, cuts: list[int]) -> None:
    disk, done = _disk(written), 0
    for number, cut in enumerate(sorted(cuts)):
        for noted in written.log[done:cut]:
            disk.take(noted)
        done = cut
        left = folder / str(number)
        disk.cut(left, dice)
        answered = written.answered[: bisect_right(written.answered, (cut - 1, "~", 0))]
        _judge(left, {(who, each) for _, who, each in answered}, f"cut {number}, after note {cut}")
        if number % GOES_ON_EVERY == 0:
            _goes_on(left)
        shutil.rmtree(left)


def _judge(left: Path, answered: set[tuple[str, int]], where: str) -> None:
    store, journal = left / "callisto.db", left / "journal"
    with closing(pysqlite3.connect(str(store), isolation_level=None)) as raw:
        assert [row[0] for row in raw.execute("PRAGMA integrity_check")] == ["ok"], where
        place = place_of(raw)
        _has(raw, answered, where)
    found = scrub(store, journal, journal / "snapshots")
    assert (found.difference, found.damage) == ("", ""), where
    assert found.since is not None, where
    again = left / "again.db"
    for since in snapshots.leading(journal / "snapshots", journal, place):
        replay(snapshots.path_of(journal / "snapshots", since), journal, again)
        with closing(pysqlite3.connect(str(again), isolation_level=None)) as raw:
            _has(raw, answered, f"{where}, made again of snapshot {since}")
        again.unlink()


def _has(raw: pysqlite3.Connection, answered: set[tuple[str, int]], where: str) -> None:
    """Each answered change, and of those that were not, at most one of each writer."""
    rows = {(who, int(number)): detail for who, number, detail in
            raw.execute("SELECT user, action, detail FROM audit")}  # fmt: skip
    for who in "ab":
        last = max((number for one, number in answered if one == who), default=-1)
        for ended in (last, last + 1):
            if {key for key in rows if key[0] == who} == set(_expected(who, ended)):
                break
        else:
            raise AssertionError(f"{where}: {who} was answered {last}, and has {sorted(rows)}")
        changed = [number for number in range(4, ended + 1, 5) if (who, number - 1) in rows]
        assert all(rows[who, number - 1] == "new" for number in changed), where


def _expected(who: str, ended: int) -> Iterator[tuple[str, int]]:
    deleted = {number - 3 for number in range(6, ended + 1, 7)}
    return ((who, number) for number in range(ended + 1) if number not in deleted)


def _goes_on(left: Path) -> None:
    store, journal = left / "callisto.db", left / "journal"
    with closing(Database(parse_url(f"sqlite:///{store}"), journal=journal)) as database:
        for _ in range(3):
            database.record(lambda c: c.exec_driver_sql("UPDATE audit SET address = address || 'x'"))
    done = keep(store, journal, journal / "snapshots")
    assert (done.finding, done.since is not None) == ("", True)


def _disk(written: Written) -> Disk:
    """The disk before, under the names that the log has."""
    return Disk(written.before, written.root)

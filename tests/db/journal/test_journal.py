from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pysqlite3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from db.engine import Database, parse_url
from db.errors import StoreUnavailableError
from db.journal import files, snapshots
from db.journal.replay import BrokenChainError, replay
from db.journal.scrub import scrub
from db.sample import sample_office
from db.store import Store, prepare
from db.variables.states import Actor

CLI = Actor("root", "", "cli")
ROOT = Path(__file__).parents[3]


class House:
    def __init__(self, folder: Path) -> None:
        self.store = folder / "callisto.db"
        self.url = f"sqlite:///{self.store}"
        self.journal = folder / "journal"
        self.snapshots = folder / "snapshots"
        prepare(self.url)
        self.database = self.open()
        self.database.rotate()
        snapshots.take(self.store, self.snapshots)

    def open(self) -> Database:
        return Database(parse_url(self.url), journal=self.journal)

    def sql(self, *statements: str) -> None:
        def do(connection: Connection) -> None:
            for statement in statements:
                connection.exec_driver_sql(statement)

        self.database.record(do)

    def same(self) -> str:
        found = scrub(self.store, self.journal, self.snapshots)
        assert found.since is not None
        return found.difference


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


AUDIT = "INSERT INTO audit VALUES ({}, '2026-01-01 00:00:00.000000', 'u', 'a', 'c', 'x', 'd')"
USER = "INSERT OR REPLACE INTO users VALUES ('{0}', '', '', '{1}', '', '2026-01-01 00:00:00.000000')"
STATEMENTS = st.sampled_from(
    [
        *(USER.format(user, number) for user in "abc" for number in ("", "1", "2")),
        *(f"INSERT OR IGNORE INTO user_role SELECT user, 'x' FROM users WHERE user='{a}'" for a in "abc"),
        *(f"DELETE FROM users WHERE user = '{user}'" for user in "abc"),
        "UPDATE OR REPLACE users SET user = 'z' WHERE user = 'a'",
        "UPDATE users SET name = CAST(x'ff41' AS TEXT)",
        "UPDATE users SET name = 'Zoë' || char(0) || x'00ff'",
        "INSERT INTO contact (name, rank) VALUES (1.5, 9223372036854775807)",
        "UPDATE contact SET rank = rank - 1, id = id + 100",
        "DELETE FROM contact",
        "INSERT INTO user_role VALUES ('nobody', 'x')",
        "INSERT INTO contact (name, rank) SELECT 'twice', 1 UNION ALL SELECT NULL, 2",
        "SAVEPOINT s", "ROLLBACK TO s", "ROTATE", "SNAPSHOT",
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(STATEMENTS, max_size=6), max_size=8))
def test_whatever_is_changed_the_snapshot_and_the_journal_are_the_store(
    tmp_path_factory: pytest.TempPathFactory, transactions: list[list[str]]
) -> None:
    house = House(tmp_path_factory.mktemp("house"))
    try:
        for statements in transactions:
            if "ROTATE" in statements:
                house.database.rotate()
            if "SNAPSHOT" in statements:
                snapshots.take(house.store, house.snapshots)
            with suppress(IntegrityError, StoreUnavailableError):
                house.sql(*(each for each in statements if each not in {"ROTATE", "SNAPSHOT"}))
        assert house.same() == ""
    finally:
        house.database.close()


def test_the_work_of_the_store_is_in_the_journal(house: House) -> None:
    with Store.open(house.url, journal=house.journal) as store:
        store.office.write(sample_office(), CLI)
        store.variables.set("gMaxForwardNumberLen", "7", CLI)
        store.accounts.ensure_admin("a long password")
    assert house.same() == ""
    target = house.store.with_name("again.db")
    done = replay(snapshots.path_of(house.snapshots, 1), house.journal, target)
    assert done.records == 3
    assert replay(snapshots.path_of(house.snapshots, 1), house.journal, target).records == 0
    with Store.open(f"sqlite:///{target}") as again:
        assert again.variables.get("gMaxForwardNumberLen").value == "7"


def test_a_change_that_passed_the_journal_by_is_named(house: House) -> None:
    house.sql(AUDIT.format(1))
    raw = pysqlite3.connect(str(house.store))
    raw.execute("UPDATE audit SET detail = 'other'")
    raw.commit()
    raw.close()
    assert house.same() == "table audit, id 1: the row is not as in the journal"


def test_a_torn_tail_is_cut_off_and_nothing_else(house: House) -> None:
    house.sql(AUDIT.format(1))
    with files.path_of(house.journal, 1).open("ab") as file:
        file.write(b"\x50\0\0\0torn")
    house.sql(AUDIT.format(2))
    assert house.same() == ""
    assert files.generations(house.journal) == [1]


def test_a_flipped_bit_in_the_middle_is_found(house: House) -> None:
    for number in range(1, 4):
        house.sql(AUDIT.format(number))
    path = files.path_of(house.journal, 1)
    data = bytearray(path.read_bytes())
    data[data.index(b'audit",[[2')] ^= 1
    path.write_bytes(data)
    found = scrub(house.store, house.journal, house.snapshots)
    assert found.since is None
    assert found.damage.endswith("generation 1 of the journal is damaged after change 1")


def test_a_store_that_was_put_back_begins_a_generation_that_does_not_follow(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.sql(AUDIT.format(1))
    house.database.close()
    old = house.store.read_bytes()
    house.database = house.open()
    house.sql(AUDIT.format(2))
    house.sql(AUDIT.format(3))
    house.database.close()
    house.store.write_bytes(old)
    house.database = house.open()
    house.sql(AUDIT.format(4))
    assert "lacks changes that had been answered" in caplog.text
    with pytest.raises(BrokenChainError, match="generation 2"):
        replay(snapshots.path_of(house.snapshots, 1), house.journal, house.store.with_name("again.db"))
    assert scrub(house.store, house.journal, house.snapshots).since is None


def test_a_journal_that_cannot_be_written_refuses_the_change(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.sql(AUDIT.format(1))

    def full(handle: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("db.journal.files.os.write", full)
        with pytest.raises(StoreUnavailableError, match="No space left") as refused:
            house.sql(AUDIT.format(2))
    assert "make room" in refused.value.hint
    house.sql(AUDIT.format(3))
    assert house.same() == ""


WRITER = """
import os, signal, sys
from db.engine import Database, parse_url
from db.journal import files
from pathlib import Path
url, journal, who = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
left, cut = int(sys.argv[4]), int(sys.argv[5])
write, sync = os.write, os.fdatasync
def step(before):
    global left
    left -= 1
    if not left:
        before()
        os.kill(os.getpid(), signal.SIGKILL)
def writes(handle, data):
    step(lambda: write(handle, bytes(data)[:cut]))
    return write(handle, data)
def syncs(handle):
    step(lambda: None)
    sync(handle)
    step(lambda: None)
files.os.write, files.os.fdatasync = writes, syncs
database = Database(parse_url(url), journal=journal)
for number in range(40):
    database.record(lambda c: c.exec_driver_sql(
        "INSERT INTO audit (at, user, address, channel, action, detail) VALUES ('2026', ?, '', '', '', ?)",
        (who, str(number))))
    write(1, b"%d\\n" % number)
"""


def writer(house: House, who: str, steps: int, cut: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", WRITER, house.url, str(house.journal), who, str(steps), str(cut)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def kept(house: House, who: str) -> list[int]:
    raw = pysqlite3.connect(str(house.store))
    try:
        return [
            int(row[0]) for row in raw.execute("SELECT detail FROM audit WHERE user = ? ORDER BY id", (who,))
        ]
    finally:
        raw.close()


@pytest.mark.parametrize(("steps", "cut"), [(4, 0), (4, 5), (4, 10**6), (5, 0), (6, 0), (7, 30)])
def test_a_writer_that_is_killed_at_any_step_loses_nothing_it_answered(
    house: House, steps: int, cut: int
) -> None:
    killed = writer(house, "w", steps, cut)
    told, _ = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert kept(house, "w") == [int(line) for line in told.split()]
    house.sql(AUDIT.format(1000))
    assert house.same() == ""


def test_two_processes_write_one_journal_in_the_order_of_their_commits(house: House) -> None:
    both = [writer(house, who, 0) for who in "ab"]
    for each in both:
        each.communicate(timeout=60)
        assert each.returncode == 0
    assert kept(house, "a") == kept(house, "b") == list(range(40))
    assert house.same() == ""

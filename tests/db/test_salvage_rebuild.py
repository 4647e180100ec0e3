"""A new store of what was saved."""

from __future__ import annotations

from pathlib import Path

import pysqlite3
import pytest

from db.salvage import Rebuilt, rebuild, salvage
from db.store import Store
from tests.db import big_store, corrupt


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rebuild") / "sound.db"
    big_store.make(path, 600)
    return path


def rebuilt(path: Path, into: Path) -> Rebuilt:
    with salvage(path, None, big_store.SCHEMA) as found:
        return rebuild(found, into)


def check(path: Path) -> None:
    raw = pysqlite3.connect(str(path))
    assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
    raw.close()


def test_a_rebuilt_store_has_the_same_rows_and_a_later_revision(sound: Path, tmp_path: Path) -> None:
    into = tmp_path / "new.db"
    done = rebuilt(corrupt.damaged(sound, tmp_path / "bad.db", corrupt.page_one, 1), into)
    truth, now = big_store.truth(sound), big_store.truth(into)
    (before,), (after,) = truth.pop("revision"), now.pop("revision")
    assert now == truth
    assert after == (before[0], int(before[1] or 0) + 1, *before[2:])
    assert done.rejected == ()
    assert done.cut == ()
    assert done.rows["call"] == len(truth["call"])


def test_a_rebuilt_store_is_one_sound_file_that_opens(sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    into = folder / "new.db"
    rebuilt(sound, into)
    assert not [each.name for each in folder.iterdir() if each.name.endswith(("-wal", "-shm"))]
    assert into.stat().st_mode & 0o777 == 0o600
    check(into)
    with Store.open(f"sqlite:///{into}", ram_mb=2048) as store:
        assert store.calls.count() == len(big_store.truth(sound)["call"])
        assert len(store.office.read().users) == 40


def test_rows_whose_parent_is_lost_are_left_out_and_told(sound: Path, tmp_path: Path) -> None:
    def lose_groups(p: corrupt.Patient) -> None:
        p.write(p.roots["groups"], bytes(corrupt.SIZE))

    into = tmp_path / "new.db"
    done = rebuilt(corrupt.damaged(sound, tmp_path / "bad.db", lose_groups, 1), into)
    check(into)
    truth = big_store.truth(sound)
    assert {turned.row for turned in done.rejected if turned.table == "member"} == truth["member"]
    assert {turned.row for turned in done.rejected if turned.table == "vip_entry"} == truth["vip_entry"]
    assert "group_id refers to a row of groups that is lost" in {turned.because for turned in done.rejected}
    assert big_store.truth(into)["users"] == truth["users"]


def test_a_row_that_may_do_without_what_is_lost_stays(sound: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.db"
    bad.write_bytes(sound.read_bytes())
    raw = pysqlite3.connect(str(bad), isolation_level=None)
    raw.execute("PRAGMA foreign_keys=OFF")
    raw.execute("DELETE FROM variable_change WHERE id = 8")  # 9 says that it undoes it
    raw.execute("PRAGMA journal_mode=DELETE")
    raw.close()
    into = tmp_path / "new.db"
    done = rebuilt(bad, into)
    check(into)
    assert [(turned.table, turned.row[0]) for turned in done.cut] == [("variable_change", 9)]
    assert [(turned.table, turned.row[0]) for turned in done.rejected] == [("variable", "gVariable8")]


def test_a_row_that_a_constraint_keeps_out_does_not_keep_out_the_others(sound: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.db"
    bad.write_bytes(sound.read_bytes())
    raw = pysqlite3.connect(str(bad), isolation_level=None)
    raw.execute("DROP INDEX ix_users_number")
    raw.execute("UPDATE users SET number = '4101' WHERE number = '4102'")
    raw.execute("PRAGMA journal_mode=DELETE")
    raw.close()
    done = rebuilt(bad, tmp_path / "new.db")
    check(tmp_path / "new.db")
    users = [turned for turned in done.rejected if turned.table == "users"]
    assert len(users) == 1
    assert "UNIQUE" in users[0].because
    assert done.rows["users"] == 39


def test_a_store_is_never_rebuilt_over_another(sound: Path, tmp_path: Path) -> None:
    into = tmp_path / "there.db"
    into.write_bytes(b"mine")
    with salvage(sound, None, big_store.SCHEMA) as found, pytest.raises(FileExistsError, match=r"there\.db"):
        rebuild(found, into)
    assert into.read_bytes() == b"mine"


def test_of_nothing_an_empty_store_is_made(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"")
    done = rebuilt(tmp_path / "bad.db", tmp_path / "new.db")
    check(tmp_path / "new.db")
    assert {name: count for name, count in done.rows.items() if count} == {"revision": 1, "journal": 1}

"""A store that a newer version has migrated becomes the one from before, whatever happens meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysqlite3
import pytest

from db.errors import StoreNewerError, StoreUnavailableError
from db.exchange import writing
from db.journal import keeping
from db.prepare import prepare
from db.schema import MIGRATIONS
from db.stepping_back import PutBack, before, last_put_back, put_back, way_back
from db.store import Store
from tests.db.filled import CLI, HEAD, filled, rows, schema_of, url_of

NEXT = f"{int(HEAD) + 1:04}"
STEP = f'''
import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{HEAD}"


def upgrade():
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("room", sa.String(20), nullable=False, server_default=""))
'''


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The migrations of a newer version."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "v9999_newer.py").write_text(STEP)
    return folder


def written_by_the_newer(path: Path, newer: Path) -> None:
    """Its store, and two rows of it that are in no older one."""
    prepare(url_of(path), migrations=newer)
    raw = pysqlite3.connect(str(path), isolation_level=None)
    raw.execute("UPDATE variable SET value = '55' WHERE name = 'gWebTimeout'")
    raw.execute("INSERT INTO presence VALUES ('somebody', 'available', '', '2026-11-23')")
    raw.execute("UPDATE revision SET number = 4711")
    raw.close()


def test_the_store_from_before_is_put_back_and_the_newer_one_kept(path: Path, newer: Path) -> None:
    filled(path)
    had = rows(path)
    written_by_the_newer(path, newer)
    with pytest.raises(StoreNewerError):
        prepare(url_of(path))
    done = put_back(path)
    assert done is not None
    assert (done.schema, done.newer_schema) == (HEAD, NEXT)
    assert done.rows == {"variable": 1, "presence": 1}
    assert "1 of presence, 1 of variable" in done.words()
    assert rows(path) == had
    assert schema_of(Path(done.newer)) == NEXT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {each.name for each in path.parent.glob("callisto.db*")} == {
        "callisto.db", f"callisto.db.before-{NEXT}", f"callisto.db.newer-{NEXT}", "callisto.db.lock",
        "callisto.db.exchange", "callisto.db.put-back.json",
    }  # fmt: skip
    with Store.open(url_of(path)) as store:
        assert store.revision() > 4711  # whoever follows the store sees another one
        store.variables.set("gWebTimeout", "31", CLI)
    assert last_put_back(path) == done
    assert put_back(path) is None


def test_what_would_be_put_back_is_known_before(path: Path, newer: Path) -> None:
    filled(path)
    assert before(path, HEAD) is None
    began = datetime.now(UTC) - timedelta(seconds=1)
    written_by_the_newer(path, newer)
    found = before(path, NEXT)
    assert found is not None
    assert found.schema == HEAD
    assert began <= found.at <= datetime.now(UTC)


def test_its_journal_begins_with_a_snapshot_of_it(path: Path, newer: Path, tmp_path: Path) -> None:
    journal, snapshots = tmp_path / "journal", tmp_path / "journal" / "snapshots"
    filled(path)
    keeping.keep(path, journal, snapshots)
    written_by_the_newer(path, newer)
    put_back(path)
    with Store.open(url_of(path), journal=journal) as store:
        assert keeping.lacks_snapshot(store.journal_place(), journal, snapshots)
    made = keeping.keep(path, journal, snapshots)
    assert not made.finding
    with Store.open(url_of(path), journal=journal) as store:
        assert not keeping.lacks_snapshot(store.journal_place(), journal, snapshots)


def test_what_is_told_of_it_is_over_when_the_store_is_newer_again(path: Path, newer: Path) -> None:
    filled(path)
    written_by_the_newer(path, newer)
    put_back(path)
    prepare(url_of(path), migrations=newer)
    assert last_put_back(path) is None


def test_without_a_store_from_before_that_is_known_nothing_is_done(path: Path, newer: Path) -> None:
    assert put_back(path) is None
    filled(path)
    assert put_back(path) is None
    written_by_the_newer(path, newer)
    before = path.with_name(f"callisto.db.before-{NEXT}")
    shutil.copyfile(path, before)  # it is as new
    assert way_back(path) is None
    before.unlink()
    assert put_back(path) is None
    assert schema_of(path) == NEXT


def test_a_damaged_store_from_before_changes_nothing(path: Path, newer: Path) -> None:
    filled(path)
    written_by_the_newer(path, newer)
    path.with_name(f"callisto.db.before-{NEXT}").write_bytes(b"no store at all" * 1000)
    with pytest.raises(StoreUnavailableError):
        put_back(path)
    assert schema_of(path) == NEXT
    assert last_put_back(path) is None


def test_while_somebody_writes_nothing_is_done(
    path: Path, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.stepping_back.ALONE_WITHIN", 0.0)
    filled(path)
    written_by_the_newer(path, newer)
    with writing(path), pytest.raises(StoreUnavailableError, match="being written"):
        put_back(path)
    assert schema_of(path) == NEXT


def test_killed_at_any_change_of_a_name_the_store_is_whole(path: Path, newer: Path) -> None:
    filled(path)
    had = rows(path)
    written_by_the_newer(path, newer)
    started = path.parent / "started"
    started.mkdir()
    for each in path.parent.glob("callisto.db*"):
        shutil.copy2(each, started)
    at, killed, newest = 0, True, 0
    while killed:
        at += 1
        for each in path.parent.glob("callisto.db*"):
            each.unlink()
        for each in started.iterdir():
            shutil.copy2(each, path.parent)
        killed = _killed(path, at)
        assert schema_of(path) in (HEAD, NEXT), at
        newest += schema_of(path) == NEXT
        done = put_back(path) or last_put_back(path)
        assert isinstance(done, PutBack), at
        assert done.rows == {"variable": 1, "presence": 1}
        assert rows(path) == had, at
        assert schema_of(Path(done.newer)) == NEXT
        prepare(url_of(path))
        assert not list(path.parent.glob("callisto.db.putting-back*")) or killed
    assert at > newest > 3


def _killed(path: Path, at: int) -> bool:
    """Another process puts it back, and is killed before its change of a name number `at`; whether it was."""
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event: str, _: object) -> None:
            nonlocal count
            if event in ("os.rename", "os.link", "os.remove"):
                count += 1
                if count == at:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(hook)
            put_back(path)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)

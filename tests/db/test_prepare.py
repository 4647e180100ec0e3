from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pysqlite3
import pytest
from sqlalchemy import create_engine, inspect

from db.engine import parse_url
from db.errors import StoreTooOldError, StoreUnavailableError
from db.prepare import prepare
from db.schema import MIGRATIONS, head
from db.store import Store
from db.tables import metadata
from db.variables.states import Actor
from tests.postgres import fresh_database

CLI = Actor("root", "", "cli")
HEAD = head(MIGRATIONS)
NEXT = f"{int(HEAD) + 1:04}"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(MIGRATIONS.parents[1])}
SECOND = '''
"""A later step, as one will come."""

import sqlalchemy as sa
from alembic import op

revision = "{next}"
down_revision = "{head}"


def upgrade():
    {body}
'''
ALTERS_USERS = """
    with op.batch_alter_table("users") as users:
        users.alter_column("name", type_=sa.String(300), existing_nullable=False)
        users.add_column(sa.Column("room", sa.String(20), nullable=False, server_default=""))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "callisto.db"


@pytest.fixture
def later(tmp_path: Path) -> Callable[[str], Path]:
    """The migrations of a later version with one more step."""

    def made(body: str) -> Path:
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / "v9999_later.py").write_text(
            SECOND.format(body=body.strip(), head=HEAD, next=NEXT)
        )
        return folder

    return made


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def filled(path: Path) -> None:
    from db.sample import sample_office

    prepare(url_of(path))
    with Store.open(url_of(path)) as store:
        store.office.write(sample_office(), CLI)
        store.variables.set("gWebTimeout", "30", CLI)


def rows(path: Path) -> dict[str, list[Any]]:
    connection = pysqlite3.connect(str(path))
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    try:
        return {
            name: connection.execute(f'SELECT * FROM "{name}" ORDER BY 1, 2').fetchall()
            for name in metadata.tables
            if name not in {"users", "revision", "journal"} and name in there
        }
    finally:
        connection.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_migrations_make_exactly_the_tables(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    urls = [url_of(tmp_path / name) if kind == "sqlite" else fresh_database(request) for name in "ab"]
    prepare(urls[0])
    engine = create_engine(parse_url(urls[1]))
    metadata.create_all(engine)
    engine.dispose()
    assert _shape(urls[0]) == _shape(urls[1])


def test_a_new_store_is_for_its_owner_only(path: Path) -> None:
    before = os.umask(0)
    try:
        filled(path)
        with Store.open(url_of(path), journal=path.parent / "journal") as store:
            store.accounts.ensure_admin("a long password")
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.rglob("*")}
    finally:
        os.umask(before)
    assert modes.pop("journal") == 0o700
    assert {"callisto.db", "00000001.jnl"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="nowhere for the store does not exist") as refused:
        prepare(url_of(tmp_path / "nowhere" / "callisto.db"))
    assert "CALLISTO_STORE_URL" in refused.value.hint
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_in_place_of_the_file_is_said(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreUnavailableError, match="directory"):
        prepare(url_of(path))
    with pytest.raises(StoreUnavailableError, match="there is no store"):
        Store.open(url_of(path))


def test_opening_a_store_that_is_not_there_makes_no_file(path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="there is no store") as refused:
        Store.open(url_of(path))
    assert "start the appliance" in refused.value.hint
    assert not path.exists()


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    with pytest.raises(StoreUnavailableError, match="there is no store in"):
        Store.open(url_of(path))
    prepare(url_of(path))
    with Store.open(url_of(path)) as store:
        assert store.revision() == 1


@pytest.mark.parametrize("damage", ["text", "zeros", "first page", "cut"])
def test_a_damaged_store_is_said_and_left_as_it_is(path: Path, damage: str) -> None:
    filled(path)
    content = path.read_bytes()
    damaged = {
        "text": b"This is not a database. " * 1000,
        "zeros": bytes(len(content)),
        "first page": os.urandom(4096) + content[4096:],
        "cut": content[:5000],
    }[damage]
    path.write_bytes(damaged)
    for attempt in (lambda: prepare(url_of(path)), lambda: Store.open(url_of(path))):
        with pytest.raises(StoreUnavailableError) as refused:
            attempt()
        assert refused.value.hint
    assert path.read_bytes() == damaged


def test_damage_is_noticed_after_an_unclean_stop(path: Path) -> None:
    filled(path)
    crash = (
        f"import os, pysqlite3; c = pysqlite3.connect({str(path)!r}); "
        "c.execute('DELETE FROM audit'); c.commit(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", crash], check=True, timeout=60)
    assert path.with_name("callisto.db-wal").stat().st_size
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(os.urandom(4096 * 12))
    with pytest.raises(StoreUnavailableError, match="is damaged") as refused:
        prepare(url_of(path))
    assert "Repair Database" in refused.value.hint


def test_a_store_on_a_disk_that_takes_no_writes_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("db.prepare.os.open", full)
    with pytest.raises(StoreUnavailableError, match="No space left on device"):
        prepare(url_of(path))


def test_another_programs_file_is_left_alone(path: Path) -> None:
    other = pysqlite3.connect(str(path))
    other.execute("CREATE TABLE bookmark (id INTEGER)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreUnavailableError, match=r"not a store of this program.*bookmark"):
        prepare(url_of(path))
    assert path.read_bytes() == before


def test_who_prepares_waits_for_another_one(path: Path) -> None:
    with path.with_name("callisto.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=prepare, args=(url_of(path),))
        second.start()
        second.join(0.3)
        assert second.is_alive()
        assert not path.exists()
    second.join(30)
    assert _schema(path) == HEAD


def test_who_prepares_does_not_wait_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.prepare.ALONE_WITHIN", 0.1)
    with path.with_name("callisto.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailableError, match="another process is preparing the store"):
            prepare(url_of(path))


def test_many_who_prepare_at_once_make_one_store(path: Path, request: pytest.FixtureRequest) -> None:
    for url in (url_of(path), fresh_database(request)):
        command = [sys.executable, "-P", "-c", f"from db.prepare import prepare; prepare({url!r})"]
        workers = [subprocess.Popen(command, env=ENVIRONMENT) for _ in range(3)]
        assert [worker.wait(60) for worker in workers] == [0] * 3
        with Store.open(url) as store:
            assert store.revision() == 1


def test_an_older_store_is_refused_until_it_is_migrated(
    path: Path, monkeypatch: pytest.MonkeyPatch, later: Callable[[str], Path]
) -> None:
    filled(path)
    monkeypatch.setattr("db.schema.MIGRATIONS", later(ALTERS_USERS))
    with pytest.raises(
        StoreTooOldError, match=f"has the schema {HEAD}; this version needs {NEXT}"
    ) as refused:
        Store.open(url_of(path))
    assert "start the appliance" in refused.value.hint


def test_a_migration_keeps_every_row_and_the_store_as_it_was(
    path: Path, later: Callable[[str], Path]
) -> None:
    """SQLite rebuilds `users` for this: with foreign keys on, members, roles and presences would be gone."""
    filled(path)
    before = rows(path)
    prepare(url_of(path), migrations=later(ALTERS_USERS))
    assert rows(path) == before
    assert all(before[name] for name in ("member", "user_role", "presence"))
    assert _schema(path) == NEXT
    assert _schema(path.with_name(f"callisto.db.before-{NEXT}")) == HEAD
    assert rows(path.with_name(f"callisto.db.before-{NEXT}")) == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {each.name for each in path.parent.glob("callisto.db*")} == {
        "callisto.db", f"callisto.db.before-{NEXT}", "callisto.db.lock", "callisto.db.exchange",
    }  # fmt: skip


def test_a_store_of_the_first_schema_keeps_its_office_and_gets_what_is_new(
    path: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    shutil.copytree(MIGRATIONS, first, ignore=shutil.ignore_patterns("__pycache__", "v000[2-9]*"))
    prepare(url_of(path), migrations=first)
    connection = pysqlite3.connect(str(path), isolation_level=None)
    connection.execute("INSERT INTO users VALUES ('anna', 'Anna', '201', '201', '', '2026-01-01')")
    connection.execute("INSERT INTO presence VALUES ('anna', 'available', '', '2026-01-01')")
    connection.execute(
        "INSERT INTO groups VALUES (1, 'G', '100', 'a.wav', 0, 5, 6, 'busy', '', 1, 1, 0, 0, 0, 'sequential')"
    )
    connection.execute("INSERT INTO member VALUES (1, 'anna', 1, 0)")
    connection.execute("INSERT INTO vip_entry VALUES (1, 1, 1, '+4179T', '', NULL)")
    connection.close()
    before = rows(path)
    prepare(url_of(path))
    after = rows(path)
    assert [row[-3:] for row in after["groups"]] == [(1, 1, 1)]
    after["groups"] = [row[:-3] for row in after["groups"]]
    assert after.pop("trial") == []
    assert after == before
    with Store.open(url_of(path)) as store:
        group = store.routing_table("/announcements").groups["100"]
    assert (group.need_registered, group.need_idle, group.need_unforwarded) == (True, True, True)
    assert group.announcement == "/announcements/a.wav"
    assert [person.user for person in group.assistants] == ["anna"]


def test_a_migration_raises_the_revision_and_signs(path: Path, later: Callable[[str], Path]) -> None:
    filled(path)
    with Store.open(url_of(path)) as store:
        before = store.revision()
    prepare(url_of(path), migrations=later(ALTERS_USERS))
    connection = pysqlite3.connect(str(path))
    (number, written_by) = connection.execute("SELECT number, written_by FROM revision").fetchone()
    connection.close()
    assert number == before + 1
    assert written_by.startswith("callisto-appliance")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("op.execute('DELETE FROM users WHERE \"user\" = ''berta''')", "users had 6 rows and kept 5"),
        ("op.execute('UPDATE member SET \"user\" = ''x'' WHERE \"user\" = ''berta''')", "refer to nothing"),
        ("op.add_column('users', sa.Column('x', sa.String(1))); op.execute('nonsense')", "cannot be used"),
    ],
)  # fmt: skip
def test_a_migration_that_goes_wrong_leaves_the_store_as_it_was(
    path: Path, later: Callable[[str], Path], body: str, problem: str
) -> None:
    filled(path)
    before = rows(path)
    body = body.replace("''", "\\'")
    with pytest.raises(StoreUnavailableError, match=problem):
        prepare(url_of(path), migrations=later(body))
    assert rows(path) == before
    prepare(url_of(path))
    with Store.open(url_of(path)) as store:
        assert store.variables.get("gWebTimeout").value == "30"


def test_a_store_that_somebody_has_open_is_not_migrated(
    path: Path, later: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(path)
    monkeypatch.setattr("db.prepare.OPEN_WITHIN", 0.2)
    with Store.open(url_of(path)) as store:
        store.revision()
        with pytest.raises(StoreUnavailableError, match="a process has it open") as refused:
            prepare(url_of(path), migrations=later(ALTERS_USERS))
        assert "stop the appliance" in refused.value.hint
        store.variables.set("gWebTimeout", "40", CLI)
    assert _schema(path) == HEAD


@pytest.mark.parametrize("moment", ["copy.replace", "os.link", "_check_migrated", "upgrade"])
def test_a_migration_that_is_killed_can_be_done_again(
    path: Path, later: Callable[[str], Path], moment: str
) -> None:
    filled(path)
    before = rows(path)
    folder = later(ALTERS_USERS)
    die = {
        "copy.replace": "pathlib.Path.replace = die",
        "os.link": "preparing.os.link = die",
        "_check_migrated": "preparing._check_migrated = die",
        "upgrade": "preparing.upgrade = die",
    }[moment]
    script = (
        "import os, pathlib\nfrom db import prepare as preparing\n"
        "def die(*_): os.kill(os.getpid(), 9)\n"
        f"{die}\npreparing.prepare({url_of(path)!r}, migrations=pathlib.Path({str(folder)!r}))"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script], timeout=60, check=False, cwd=MIGRATIONS.parents[1]
    )
    assert killed.returncode == -9
    assert _schema(path) == HEAD
    assert rows(path) == before
    prepare(url_of(path), migrations=folder)
    assert _schema(path) == NEXT
    assert rows(path) == before


def test_a_failed_migration_on_a_server_leaves_the_store_as_it_was(
    request: pytest.FixtureRequest, later: Callable[[str], Path]
) -> None:
    url = fresh_database(request, prepare)
    body = "op.add_column('users', sa.Column('x', sa.String(1))); op.execute('SELECT 1/0')"
    with pytest.raises(Exception, match="division by zero"):
        prepare(url, migrations=later(body))
    with Store.open(url) as store:
        assert store.revision() == 1


def test_a_server_is_migrated_in_one_transaction(
    request: pytest.FixtureRequest, later: Callable[[str], Path]
) -> None:
    url = fresh_database(request, prepare)
    prepare(url, migrations=later(ALTERS_USERS))
    engine = create_engine(parse_url(url))
    with engine.connect() as connection:
        assert "room" in {each["name"] for each in inspect(connection).get_columns("users")}
    engine.dispose()


def _shape(url: str) -> dict[str, Any]:
    """Everything the database tells about our tables."""
    engine = create_engine(parse_url(url))
    found = inspect(engine)
    shape = {
        name: {
            "columns": [{**column, "type": repr(column["type"])} for column in found.get_columns(name)],
            "primary key": found.get_pk_constraint(name),
            "foreign keys": sorted(found.get_foreign_keys(name), key=repr),
            "unique": sorted(found.get_unique_constraints(name), key=repr),
            "checks": sorted(found.get_check_constraints(name), key=repr),
            "indexes": sorted(found.get_indexes(name), key=repr),
        }
        for name in metadata.tables
    }
    engine.dispose()
    # Conditions of indexes are objects that compare by identity.
    return dict(json.loads(json.dumps(shape, default=str)))


def _schema(path: Path) -> str:
    connection = pysqlite3.connect(str(path))
    try:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    finally:
        connection.close()

"""A store of an older version becomes one of this version, or stays as it was."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pysqlite3
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from db.engine import parse_url
from db.errors import StoreTooOldError, StoreUnavailableError
from db.prepare import prepare
from db.schema import MIGRATIONS, revisions
from db.store import Store
from tests.db.filled import CLI, HEAD, filled, rows, schema_of, url_of
from tests.postgres import fresh_database

NEXT = f"{int(HEAD) + 1:04}"
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


def test_schemas_are_counted_as_alembic_counts_them(later: Callable[[str], Path]) -> None:
    for migrations in (MIGRATIONS, later("pass")):
        steps = ScriptDirectory(str(migrations)).walk_revisions()
        assert revisions(migrations) == tuple(reversed([step.revision for step in steps]))


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
    assert schema_of(path) == NEXT
    assert schema_of(path.with_name(f"callisto.db.before-{NEXT}")) == HEAD
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
    assert (after.pop("trial"), after.pop("backup_target")) == ([], [])
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
    assert schema_of(path) == HEAD


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
    assert schema_of(path) == HEAD
    assert rows(path) == before
    prepare(url_of(path), migrations=folder)
    assert schema_of(path) == NEXT
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

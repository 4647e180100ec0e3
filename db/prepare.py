"""How a store gets the present schema.

A SQLite file is never altered in place: the steps run on a copy, the copy is checked and takes the file's
name, and the file as it was stays beside it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pysqlite3
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from db.engine import check_sqlite, explained, parse_url, sqlite_path, url_shown
from db.errors import StoreUnavailableError
from db.schema import MIGRATIONS, State, head, state, upgrade

log = logging.getLogger(__name__)

ALONE_WITHIN = 30.0
"""Seconds to wait for another process that prepares the same store."""

OPEN_WITHIN = 5.0
"""Seconds to wait for those who have the file open to close it."""

ADVISORY_LOCK = 0x43414C4C
"""PostgreSQL: held while the schema is looked at and changed, and while a backup is restored. Any number, the
same in all versions."""


def prepare(url: str, *, make: bool = True, migrations: Path = MIGRATIONS) -> None:
    """Make the store if there is none (`make`), and bring an older one to the present schema.

    Safe to repeat, to run twice at once and to kill. Raises StoreNewerError, StoreUnavailableError; the
    store is then as it was.
    """
    address = parse_url(url)
    shown = url_shown(address)
    path = sqlite_path(address)
    try:
        with explained(shown):
            if path is None:
                _prepare_server(address, migrations, make=make)
            else:
                check_sqlite(pysqlite3.sqlite_version_info)
                _prepare_file(path, migrations, make=make)
    except OSError as exc:
        raise StoreUnavailableError(
            f"the store {shown} cannot be prepared: {exc.strerror or exc}: {exc.filename or ''}".rstrip(": "),
            hint="the folder must belong to the user who runs the appliance, and have room",
        ) from exc


def _prepare_server(url: URL, migrations: Path, *, make: bool) -> None:
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        found = state(connection, url_shown(url), migrations)
        if found is State.EMPTY and not make:
            raise _gone(url_shown(url))
        if found is not State.CURRENT:
            upgrade(connection, migrations)


def _gone(shown: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"the store {shown} is not there any more",
        hint="put a copy of it back, or make a new one: callisto init",
    )


def _prepare_file(path: Path, migrations: Path, *, make: bool) -> None:
    if not path.parent.is_dir():
        raise StoreUnavailableError(
            f"the folder {path.parent} for the store does not exist",
            hint="make it, or give store_url (CALLISTO_STORE_URL) another one",
        )
    if not make and not path.exists():
        raise _gone(str(path))
    with alone(path):
        # Password hashes are in it: for its owner only. SQLite gives its other files the same mode.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        _check_after_unclean_stop(path)
        with _engine(path).connect() as connection:
            found = state(connection, str(path), migrations)
        match found:
            case State.EMPTY if not make:
                raise _gone(str(path))
            case State.EMPTY:
                with _engine(path).begin() as connection:
                    upgrade(connection, migrations)
            case State.BEHIND:
                _migrate_file(path, migrations)
            case State.CURRENT:
                pass
        with _raw(path) as raw:
            raw.execute("PRAGMA journal_mode=WAL")


def _check_after_unclean_stop(path: Path) -> None:
    """A WAL that is still there means that the last process had no time to close."""
    wal = path.with_name(path.name + "-wal")
    if not (wal.exists() and wal.stat().st_size):
        return
    with _raw(path) as raw:
        said = [row[0] for row in raw.execute("PRAGMA quick_check(3)")]
    if said != ["ok"]:
        raise StoreUnavailableError(
            f"the store {path} is damaged: {'; '.join(said)}",
            hint="Repair Database puts it right: repair start in the shell, or callisto repair",
        )


def _migrate_file(path: Path, migrations: Path) -> None:
    """Copy, migrate the copy, check it, swap. Killed at any point, it leaves the old or the new store."""
    copy = path.with_name(path.name + ".migrating")
    kept = path.with_name(f"{path.name}.before-{head(migrations)}")
    copy.unlink(missing_ok=True)
    with _raw(path) as old:
        shut_others_out(old, path)
        before = _counts(old)
        old.execute("VACUUM INTO ?", (str(copy),))
        copy.chmod(path.stat().st_mode & 0o777)
        with _engine(copy).begin() as connection:
            upgrade(connection, migrations)
        _check_migrated(copy, before)
        kept.unlink(missing_ok=True)
        os.link(path, kept)
        copy.replace(path)
        _sync(path)
        _sync(path.parent)
    log.warning("store %s: now schema %s; as it was: %s", path, head(migrations), kept)


def _check_migrated(copy: Path, before: dict[str, int]) -> None:
    with _raw(copy) as raw:
        broken = raw.execute("PRAGMA foreign_key_check").fetchall()
        damage = [row[0] for row in raw.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
        after = _counts(raw)
    lost = [name for name, count in before.items() if name in after and after[name] < count]
    if not (broken or damage or lost):
        return
    copy.unlink()
    reasons = [
        *(f"rows of {row[0]} refer to nothing" for row in broken[:3]),
        *damage,
        *(f"{name} had {before[name]} rows and kept {after[name]}" for name in lost),
    ]
    raise StoreUnavailableError(
        f"the store cannot be brought to the present schema: {'; '.join(reasons)}",
        hint="the store is as it was; use the version that wrote it, and report this",
    )


def shut_others_out(raw: Any, path: Path) -> None:
    """Fold the WAL into the file and keep every other connection out until `raw` is closed.

    Somebody who still had the old file open after the swap would write into a file without a name.
    """
    raw.execute("PRAGMA locking_mode=EXCLUSIVE")
    try:
        raw.execute("PRAGMA journal_mode=DELETE")
        raw.execute("BEGIN EXCLUSIVE")
        raw.execute("COMMIT")
    except pysqlite3.OperationalError as exc:
        raise StoreUnavailableError(
            f"the store {path} needs another schema, and a process has it open",
            hint="stop the appliance and every callisto command, then start again",
        ) from exc


def _counts(raw: Any) -> dict[str, int]:
    names = raw.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'")
    return {name: raw.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in names.fetchall()}


def _engine(path: Path) -> Engine:
    """For the steps alone: foreign keys off (see `migrations.env`), one transaction for all of them."""
    engine = create_engine(URL.create("sqlite", database=str(path)), module=pysqlite3, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("busy_timeout=5000", "foreign_keys=OFF", "synchronous=FULL", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


@contextmanager
def _raw(path: Path) -> Iterator[Any]:
    connection = pysqlite3.connect(str(path), timeout=OPEN_WITHIN, isolation_level=None)
    try:
        yield connection
    except pysqlite3.DatabaseError as exc:
        # Into SQLAlchemy's family, so that one place explains them all.
        raise DBAPIError(None, None, exc) from exc
    finally:
        connection.close()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process at a time looks at the schema. The lock file stays: removing it would be a race."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + ALONE_WITHIN
    try:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > deadline:
                raise StoreUnavailableError(
                    f"another process is preparing the store {path}", hint="try again when it is done"
                )
            time.sleep(0.05)
        yield
    finally:
        os.close(lock)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

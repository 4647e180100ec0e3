"""A copy of a store that is in use, to try something on."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pysqlite3
from sqlalchemy import NullPool, create_engine

from db.backup.folder import SPARE
from db.engine import explained, parse_url, url_shown
from db.errors import StoreUnavailableError
from db.schema import MIGRATIONS, State, state

PAGES = 2048
"""Copied at once: whoever writes waits no longer than for these."""
TIMES = 3
"""The copy, the migrated copy, and what SQLite needs beside them."""


@dataclass(frozen=True, slots=True)
class Copied:
    schema: str
    rows: int


def copied(path: Path, into: Path) -> Copied:
    """By SQLite's backup: others write meanwhile. The store is opened for reading only. Raises
    StoreUnavailableError, OSError; nothing is left then."""
    size = path.stat().st_size
    free = shutil.disk_usage(into.parent).free
    if free < TIMES * size + SPARE:
        raise StoreUnavailableError(
            f"a copy of the store needs {TIMES * size / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free",
            hint="make room: delete old backups, updates, traces or support bundles",
        )
    try:
        os.close(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        source = f"file:{quote(str(path))}?mode=ro"
        with (
            closing(pysqlite3.connect(source, uri=True, timeout=10, isolation_level=None)) as raw,
            closing(pysqlite3.connect(str(into), isolation_level=None)) as copy,
        ):
            raw.backup(copy, pages=PAGES)
            schema = copy.execute("SELECT version_num FROM alembic_version").fetchone()[0]
            names = copy.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
            rows = sum(copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in names)
    except pysqlite3.Error as exc:
        into.unlink(missing_ok=True)
        said = " ".join(str(exc).split())
        raise StoreUnavailableError(
            f"the store {path} cannot be copied: {said}", hint="callisto repair"
        ) from exc
    return Copied(str(schema), int(rows))


def of_server(url: str) -> str:
    """How the store on a server stands. Raises StoreUnavailableError, StoreNewerError."""
    address = parse_url(url)
    engine = create_engine(address, poolclass=NullPool, connect_args={"connect_timeout": 5})
    with explained(url_shown(address)), engine.connect() as connection:
        found: State = state(connection, url_shown(address), MIGRATIONS)
    return found.value

"""The store of an older version, put back after a newer version had migrated it and did not stay.

`prepare` keeps the store as it was before its steps. That copy takes the store's place again; the newer store
stays beside it, and what was written into it since is counted. In a process that has the store not open:
whoever closes a file loses all its locks on it (POSIX).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pysqlite3
from sqlalchemy.exc import DBAPIError

from db.engine import explained
from db.errors import StoreUnavailableError
from db.exchange import exchanging
from db.prepare import alone, shut_others_out
from db.repair.building import finish
from db.repair.kept import clear
from db.schema import MIGRATIONS, revisions
from db.whole import read_json, sync_folder, write_json

ALONE_WITHIN = 30.0
NOT_COUNTED = ("alembic_version", "revision", "journal", "spool_position")
"""They change with whatever is written, and say nothing by themselves."""


@dataclass(frozen=True, slots=True)
class PutBack:
    """`newer`: the store that was there, beside the one that is. `rows`: by table, those that were written
    into it after its steps, or changed, and are only there."""

    schema: str
    newer_schema: str
    newer: str
    at: datetime
    rows: dict[str, int]

    def words(self) -> str:
        back = f"the store has the schema {self.schema} again, as it was before the update"
        if not self.rows:
            return f"{back}; nothing had been written since"
        said = ", ".join(f"{count:,} of {name}" for name, count in sorted(self.rows.items()))
        return f"{back}; rows written since are only in {self.newer}: {said}"


@dataclass(frozen=True, slots=True)
class Before:
    """The store as it was when an update moved it: its schema, and when that was."""

    schema: str
    at: datetime


def before(path: Path, schema: str) -> Before | None:
    """What `put_back` would put in the place of `path`, which has that schema. None where no update has moved
    it. Raises StoreUnavailableError."""
    kept = _before(path, schema)
    if not kept.is_file():
        return None
    return Before(_schema(kept) or "", datetime.fromtimestamp(kept.stat().st_mtime, UTC))


def way_back(path: Path, migrations: Path = MIGRATIONS) -> tuple[Path, str] | None:
    """The store from before, and the schema of the newer one; None where `path` is not newer than what is
    known, or there is no store from before that is known. Nothing is written but what SQLite itself writes
    when it finds a log. Raises StoreUnavailableError for a file that cannot be read."""
    if not path.is_file():
        return None
    known = revisions(migrations)
    newer = _schema(path)
    if newer is None or not newer.isdecimal() or newer <= known[-1]:
        return None
    kept = _before(path, newer)
    if not kept.is_file() or _schema(kept) not in known:
        return None
    return kept, newer


def put_back(path: Path, migrations: Path = MIGRATIONS, now: datetime | None = None) -> PutBack | None:
    """What was done; None where there is no way back. Killed at any point, it leaves the newer store, or the
    one from before, whole, and may be done again. Its journal is begun anew: no snapshot leads to it. Raises
    StoreError, OSError: then the newer one is there."""
    with exchanging(path, ALONE_WITHIN), alone(path), explained(str(path)):
        found, new = way_back(path, migrations), path.with_name(path.name + ".putting-back")
        clear(new)  # of one that was killed
        if found is None:
            return None
        old_store, schema = found
        newer = path.with_name(f"{path.name}.newer-{schema}")
        with _opened(path) as raw:
            shut_others_out(raw, path)  # its log is in it now: it is one file
            floor = int(raw.execute("SELECT max(number) FROM revision").fetchone()[0] or 0)
            rows = _written_since(raw, old_store)
            with _opened(old_store) as old:
                old.execute("VACUUM INTO ?", (str(new),))
            new.chmod(0o600)
            finish(new, floor)
            done = PutBack(_schema(new) or "", schema, str(newer), now or datetime.now(UTC), rows)
            _link(path, newer)
            write_json(_report(path), {**asdict(done), "at": done.at.isoformat()})
            new.replace(path)
        sync_folder(path.parent)
        clear(new)
    return done


def last_put_back(path: Path) -> PutBack | None:
    """The last one, as long as it says something of the store that is there: not once it is newer again."""
    found = read_json(_report(path))
    try:
        assert found is not None
        done = PutBack(**{**found, "at": datetime.fromisoformat(found["at"])})
        present = _schema(path) or ""
    except (AssertionError, KeyError, TypeError, ValueError, DBAPIError, StoreUnavailableError):
        return None
    return done if present < done.newer_schema else None


def _before(path: Path, schema: str) -> Path:
    return path.with_name(f"{path.name}.before-{schema}")


def _report(path: Path) -> Path:
    return path.with_name(path.name + ".put-back.json")


def _link(path: Path, kept: Path) -> None:
    """A second name for it; what had that name before goes."""
    part = kept.with_name(kept.name + ".part")
    part.unlink(missing_ok=True)
    os.link(path, part)
    part.replace(kept)  # rename(2) does nothing when both are one file already
    part.unlink(missing_ok=True)
    sync_folder(path.parent)


def _written_since(raw: Any, kept: Path) -> dict[str, int]:
    """Rows of each table that are not in the store from before as they are now. A column that only one of
    them has is not looked at."""
    raw.execute("ATTACH ? AS before", (str(kept),))
    try:
        counted = {name: _count(raw, name) for name in _tables(raw, "before") & _tables(raw, "main")}
    finally:
        raw.execute("DETACH before")
    return {name: count for name, count in counted.items() if count}


def _count(raw: Any, name: str) -> int:
    old = {row[1]: row[5] for row in raw.execute(f'PRAGMA before.table_info("{name}")')}
    new = [row[1] for row in raw.execute(f'PRAGMA main.table_info("{name}")') if row[1] in old]
    same = " AND ".join(
        f'o."{each}" {"=" if old[each] else "IS"} n."{each}"'  # = takes the index of a key
        for each in sorted(new, key=lambda each: not old[each])
    )
    there = f'SELECT 1 FROM before."{name}" o WHERE {same}'
    found = raw.execute(f'SELECT count(*) FROM main."{name}" n WHERE NOT EXISTS ({there})')
    return int(found.fetchone()[0])


def _tables(raw: Any, schema: str) -> set[str]:
    sql = f"SELECT name FROM {schema}.sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'"
    return {name for (name,) in raw.execute(sql)} - set(NOT_COUNTED)


def _schema(path: Path) -> str | None:
    with _opened(path) as raw:
        if not raw.execute("SELECT 1 FROM sqlite_master WHERE name='alembic_version'").fetchone():
            return None
        found = raw.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found[0]) if found else None


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with closing(pysqlite3.connect(str(path), timeout=5, isolation_level=None)) as raw:
            yield raw
    except pysqlite3.DatabaseError as exc:
        said = " ".join(str(exc).split())
        raise StoreUnavailableError(
            f"the store {path} cannot be read: {said}", hint="callisto repair mends it"
        ) from exc

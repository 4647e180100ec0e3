"""The rows of a store as they are at one moment, in a SQLite file of their own; everybody goes on writing.

Loads no more than SQLite needs: a backup shall not take memory for what it does not use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pysqlite3

from db.backup.errors import BackupError

_FILE = re.compile(r"sqlite(?:\+\w+)?:///([^?]+)")
"""The part after the slashes is taken as it is (SQLAlchemy, sqlite dialect)."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a backup is of. `url`: of the store; `state`: the folder with what belongs to it; `config`: files
    beside it by neutral names; `work`: a folder on the disk of `state`, for copies, empty; `version`: of this
    program."""

    url: str
    state: Path
    work: Path
    version: str
    config: Mapping[str, Path] = field(default_factory=dict)

    @property
    def store(self) -> Path | None:
        """The file of a SQLite store."""
        found = _FILE.fullmatch(self.url)
        return Path(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`path`: the file with the rows; nobody else has it open. `rows`: of each table."""

    path: Path
    schema: str
    dialect: str
    rows: Mapping[str, int]


def snapshot(source: Source) -> Snapshot:
    """Raises BackupError, StoreUnavailableError; OSError where the disk fails."""
    path = source.work / "store.db"
    if source.store is None:
        from db.backup.server import carry

        carry(source.url, path)
    else:
        _copy(source.store, path)
    path.chmod(0o600)
    try:
        with closing(pysqlite3.connect(str(path), isolation_level=None)) as raw:
            return Snapshot(path, schema_of(raw), "sqlite" if source.store else "postgresql", rows_of(raw))
    except pysqlite3.DatabaseError as exc:
        raise _damaged(str(exc)) from exc


def rows_of(raw: Any) -> dict[str, int]:
    """How many each table has, of tables that are ours or were."""
    names = raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {
        name: raw.execute(f"""SELECT count(*) FROM "{name.replace('"', '""')}" """).fetchone()[0]
        for name in sorted(row[0] for row in names.fetchall())
        if name != "alembic_version"
    }


def schema_of(raw: Any) -> str:
    return str(raw.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _copy(file: Path, path: Path) -> None:
    """Written in one go, from one reading transaction: writers go on."""
    if not file.is_file():
        raise BackupError(f"there is no store {file}", hint="start the appliance once: it makes the store")
    try:
        with closing(pysqlite3.connect(str(file), timeout=5.0, isolation_level=None)) as raw:
            for pragma in ("cell_size_check=ON", "mmap_size=0"):
                raw.execute(f"PRAGMA {pragma}")
            raw.execute("VACUUM INTO ?", (str(path),))
    except pysqlite3.DatabaseError as exc:
        raise _damaged(str(exc)) from exc


def _damaged(said: str) -> BackupError:
    if "locked" in said:
        return BackupError("the store is busy", hint="try again in a moment")
    if "full" in said:
        return BackupError("the disk is full", hint="make room there and try again")
    return BackupError(
        f"the store cannot be read: {' '.join(said.split())}",
        hint="Repair Database puts it right: repair start in the shell, or callisto repair",
    )

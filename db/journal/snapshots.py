"""Snapshots: whole stores in files of their own, `<generation>.db`, checked before they get that name."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pysqlite3

from db.errors import StoreError
from db.journal import files
from db.journal.format import Place
from db.journal.writer import place_of

KEPT = 2


class UnsoundSnapshotError(StoreError):
    """The copy has not passed its checks: there is no new snapshot."""


def path_of(folder: Path, generation: int) -> Path:
    return folder / f"{generation:08}.db"


def generations(folder: Path) -> list[int]:
    """Oldest first."""
    return sorted(int(path.stem) for path in folder.glob("*.db") if path.stem.isdecimal())


def take(store: Path, folder: Path) -> Place:
    """A snapshot of `store`, synced; where in the journal it stands. Writers go on meanwhile. Raises
    UnsoundSnapshotError, OSError, pysqlite3.Error."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / "snapshot.part"
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(pysqlite3.connect(str(store), timeout=5, isolation_level=None)) as raw:
        for attempt in range(3):
            counts, place = _looked_at(raw)
            part.write_bytes(b"")
            raw.execute("VACUUM INTO ?", (str(part),))
            with closing(pysqlite3.connect(str(part), isolation_level=None)) as copy:
                problems = _problems(copy)
                found, copied = _looked_at(copy)
            if copied == place or attempt == 2:
                break
    if copied == place and counts != found:
        problems.append("it does not have the store's rows")
    if problems:
        part.unlink()
        raise UnsoundSnapshotError(
            f"the snapshot is not sound: {'; '.join(problems)}", hint="repair the store"
        )
    _sync(part)
    part.replace(path_of(folder, copied.generation))
    files.sync_folder(folder)
    return copied


def prune(folder: Path, journal: Path, keep: int = KEPT) -> None:
    """Remove what is older than the `keep` newest snapshots."""
    kept = generations(folder)[-keep:]
    if len(kept) < keep:
        return
    for generation in generations(folder):
        if generation < kept[0]:
            path_of(folder, generation).unlink(missing_ok=True)
    for generation in files.generations(journal):
        if generation < kept[0]:
            files.path_of(journal, generation).unlink(missing_ok=True)


def _looked_at(raw: Any) -> tuple[dict[str, int], Place]:
    raw.execute("BEGIN")
    try:
        place = place_of(raw)
        names = [
            name for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type='table'").fetchall()
        ]
        return {name: raw.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}, place
    finally:
        raw.execute("COMMIT")


def _problems(raw: Any) -> list[str]:
    said = [str(row[0]) for row in raw.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
    return said + [
        f"rows of {row[0]} refer to nothing" for row in raw.execute("PRAGMA foreign_key_check").fetchmany(3)
    ]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Snapshots: whole stores in files of their own, `<generation>.db`, checked before they get that name."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pysqlite3

from db.errors import StoreError
from db.journal import files
from db.journal.format import Header, Place
from db.journal.replay import back, headers_of
from db.journal.writer import place_of

KEPT = 2
STRANDED_DAYS = 30


class UnsoundSnapshotError(StoreError):
    """The copy has not passed its checks: there is no new snapshot."""


def path_of(folder: Path, generation: int) -> Path:
    return folder / f"{generation:08}.db"


def generations(folder: Path) -> list[int]:
    """Oldest first."""
    return sorted(int(path.stem) for path in folder.glob("*.db") if path.stem.isdecimal())


def take(store: Path, folder: Path) -> Place:
    """A snapshot of `store`, synced; where in the journal it stands. Writers go on meanwhile. Raises
    UnsoundSnapshotError, OSError, pysqlite3.Error; there is no new snapshot then."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / "snapshot.part"
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        place = _copy(store, part)
        _sync(part)
        part.replace(path_of(folder, place.generation))
    finally:
        part.unlink(missing_ok=True)
    files.sync_folder(folder)
    return place


def _copy(store: Path, part: Path) -> Place:
    """While others write all the time its rows cannot be counted beside those of the store."""
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
        raise UnsoundSnapshotError(
            f"the snapshot is not sound: {'; '.join(problems)}",
            hint="Repair Database puts the store right: repair start in the shell, or callisto repair",
        )
    return copied


def leading(folder: Path, journal: Path, place: Place) -> list[int]:
    """The snapshots from which the journal leads to `place`, oldest first."""
    headers = headers_of(journal)
    return [each for each in generations(folder) if back(headers, place.generation, each)]


def prune(folder: Path, journal: Path, place: Place, keep: int = KEPT, now: float | None = None) -> None:
    """Remove what is older than the `keep` newest snapshots that lead to `place`, and not before there are so
    many. What leads to somewhere else may have changes that the store has lost: it is kept for
    STRANDED_DAYS."""
    kept = leading(folder, journal, place)[-keep:]
    if len(kept) < keep:
        return
    trail = _trail(headers_of(journal), place.generation)
    before = (time.time() if now is None else now) - STRANDED_DAYS * 86400
    for path in (
        *(path_of(folder, each) for each in generations(folder) if each < kept[0]),
        *(files.path_of(journal, each) for each in files.generations(journal) if each < kept[0]),
    ):
        if int(path.stem) in trail or path.stat().st_mtime < before:
            path.unlink(missing_ok=True)


def _trail(headers: Mapping[int, Header], end: int) -> set[int]:
    """All generations that have led there, as far as they are known."""
    found = {end}
    while (header := headers.get(end)) and header.follows and header.follows.generation < end:
        end = header.follows.generation
        found.add(end)
    return found


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

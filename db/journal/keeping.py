"""One round of keeping the journal: the store is compared with it, then a new snapshot begins the next part.

In a process of its own: it keeps a processor and a disk busy, and nobody is to wait for it.
"""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pysqlite3
from sqlalchemy import URL

from db.engine import Database
from db.errors import RefusedError, StoreUnavailableError
from db.journal import files, snapshots
from db.journal.format import FormatError, Place
from db.journal.scrub import scrub
from db.journal.writer import WORDS

ROOM = 1.2
"""Times the store: each of scrub and snapshot needs a copy of it, one after the other."""
ROOM_AT_LEAST = 20_000_000
REPAIR = "Repair Database takes what is right from the journal: repair start force in the shell"
DAMAGED = "Repair Database puts it right: repair start in the shell, or callisto repair"
LOOK_AT_DISK = (
    "the store itself is sound and has a new snapshot; what is damaged is kept for 30 days: look at its disk"
)
LOOK_AT_LOSS = (
    "the store has a new snapshot; what the journal had is kept for 30 days, and Repair Database looks there"
    " too: repair start force in the shell"
)


@dataclass(frozen=True, slots=True)
class Round:
    """`finding`: what is wrong, empty for nothing; `hint`: what to do. `since`: the snapshot that the store
    was compared from; None: with nothing. `records`: transactions replayed for it. `generation`, `bytes`: of
    the new snapshot; 0 when there is none."""

    finding: str = ""
    hint: str = ""
    since: int | None = None
    records: int = 0
    generation: int = 0
    bytes: int = 0
    took_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def keep(store: Path, journal: Path, folder: Path) -> Round:
    """Scrub, then rotate, take a snapshot in `folder` and remove what nobody needs any more.

    After a difference nothing else is done: snapshots and journal are what the store is put right with.
    Raises RefusedError where there is no room for it; StoreError, OSError.
    """
    began = time.monotonic()
    _check_room(store, folder)
    try:
        found = scrub(store, journal, folder)
    except pysqlite3.DatabaseError as exc:
        if isinstance(exc, pysqlite3.OperationalError) and "locked" in str(exc):
            raise RefusedError("the store is locked", hint="it is tried again") from exc
        return Round(f"the store is damaged: {exc}", DAMAGED, took_s=time.monotonic() - began)
    if found.difference:
        took = time.monotonic() - began
        return Round(found.difference, REPAIR, found.since, found.records, took_s=took)
    finding, hint = (found.damage, LOOK_AT_DISK) if found.damage else ("", "")
    place = _rotate(store, journal)
    if not found.damage:
        finding, hint = _began(journal, place.generation, compared=found.since is not None)
    try:
        place = snapshots.take(store, folder)
    except pysqlite3.Error as exc:
        hint = "make room there, or mend the disk; snapshots and journal are as they were"
        raise StoreUnavailableError(f"no snapshot can be taken in {folder}: {exc}", hint=hint) from exc
    if found.since is not None:
        snapshots.prune(folder, journal, place)
    size = snapshots.path_of(folder, place.generation).stat().st_size
    took = time.monotonic() - began
    return Round(finding, hint, found.since, found.records, place.generation, size, took)


def lacks_snapshot(store_at: Place, journal: Path, folder: Path) -> bool:
    """Whether no snapshot leads to where the store is: it is new, or was migrated, repaired or restored."""
    return not snapshots.leading(folder, journal, store_at)


def journal_bytes(journal: Path, folder: Path) -> int:
    """What has come since the newest snapshot."""
    newest = max(snapshots.generations(folder), default=0)
    later = (files.path_of(journal, each) for each in files.generations(journal) if each >= newest)
    return sum(path.stat().st_size for path in later)


def _rotate(store: Path, journal: Path) -> Place:
    with closing(Database(URL.create("sqlite", database=str(store)), journal=journal)) as database:
        place = database.rotate()
    assert place is not None
    return place


def _began(journal: Path, generation: int, *, compared: bool) -> tuple[str, str]:
    """What was wrong when this generation began, or if nobody has compared since, the first of its trail."""
    try:
        header = files.read_header(journal, generation)
        while header.follows is not None and not compared:
            header = files.read_header(journal, header.follows.generation)
    except FormatError as exc:
        return str(exc), LOOK_AT_DISK
    except FileNotFoundError:
        return "", ""  # it is so old that it has been removed
    return (WORDS[header.because], LOOK_AT_LOSS) if header.because in WORDS else ("", "")


def _check_room(store: Path, folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    size = sum(path.stat().st_size for path in (store, store.with_name(store.name + "-wal")) if path.exists())
    needed, free = int(size * ROOM) + ROOM_AT_LEAST, shutil.disk_usage(folder).free
    if free < needed:
        raise RefusedError(
            f"a snapshot needs {needed / 1e6:.0f} MB of room in {folder}, and {free / 1e6:.0f} MB are free",
            hint="make room there; the journal goes on, and grows",
        )

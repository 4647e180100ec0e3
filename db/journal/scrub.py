"""Whether the store is what its snapshot and its journal say: compared row for row."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pysqlite3

from db.journal import capture, replay, snapshots
from db.journal.format import FormatError, Place
from db.journal.writer import place_of


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """`difference`: the first one in words, empty for none. `since`: the snapshot that was begun with; None
    when none leads to the store, which then has not been compared with anything. `records`: replayed.
    `damage`: what cannot be read of an older snapshot, or of the journal after it."""

    difference: str
    since: int | None
    records: int = 0
    damage: str = ""


class _DamagedError(Exception):
    """From this snapshot the journal does not lead to the store."""


def scrub(store: Path, journal: Path, folder: Path) -> Scrubbed:
    """Others go on writing meanwhile. `folder`: of the snapshots; the oldest that leads to the store is begun
    with, or when that is damaged, the next one. Raises OSError; pysqlite3.Error of the store alone."""
    replica = folder / "scrub.part"
    damage = ""
    with closing(pysqlite3.connect(str(store), timeout=5, isolation_level=None)) as raw:
        for since in snapshots.leading(folder, journal, place_of(raw)):
            _clear(replica)
            try:
                found = _compared(raw, snapshots.path_of(folder, since), journal, replica)
                return replace(found, since=since, damage=damage)
            except _DamagedError as exc:
                damage = damage or f"snapshot {since}, or the journal after it: {exc}"
            finally:
                _clear(replica)
    return Scrubbed("", None, damage=damage)


def _compared(raw: Any, snapshot: Path, journal: Path, replica: Path) -> Scrubbed:
    records = _replay(snapshot, journal, replica, place_of(raw))
    raw.execute("ATTACH ? AS replica", (str(replica),))
    try:
        raw.execute("BEGIN")
        now = place_of(raw)  # from here on the store's rows are of this moment
        records += _replay(snapshot, journal, replica, now)
        return Scrubbed(_difference(raw), None, records)
    finally:
        if raw.in_transaction:
            raw.execute("COMMIT")
        raw.execute("DETACH replica")


def _replay(snapshot: Path, journal: Path, replica: Path, upto: Place) -> int:
    try:
        return replay.replay(snapshot, journal, replica, upto=upto).records
    except (replay.BrokenChainError, FormatError, pysqlite3.DatabaseError) as exc:
        raise _DamagedError(str(exc)) from exc


def _clear(replica: Path) -> None:
    for end in ("", "-journal", "-wal", "-shm", ".part"):
        replica.with_name(replica.name + end).unlink(missing_ok=True)


def _difference(raw: Any) -> str:
    """Without values: there are password hashes among them. Each row is looked up by its key, so that no
    table has to fit into memory."""
    for table in capture.kept_tables():
        key, columns = capture.key_of(table), capture.columns_of(table)
        for here, there, like, word in (
            ("main", "replica", columns, "is not as in the journal"),
            ("replica", "main", key, "is missing"),
        ):
            alike = " AND ".join(f'b."{each}" IS a."{each}"' for each in like)
            named = ", ".join(f'a."{each}"' for each in key)
            row = raw.execute(
                f'SELECT {named} FROM {here}."{table.name}" AS a WHERE NOT EXISTS '
                f'(SELECT 1 FROM {there}."{table.name}" AS b WHERE {alike}) LIMIT 1'
            ).fetchone()
            if row:
                which = ", ".join(f"{name} {value!r}" for name, value in zip(key, row, strict=True))
                return f"table {table.name}, {which}: the row {word}"
    return ""

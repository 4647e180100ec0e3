"""Whether the store is what its snapshot and its journal say: compared row for row."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pysqlite3

from db.journal import capture, replay, snapshots
from db.journal.writer import place_of


def scrub(store: Path, journal: Path, folder: Path) -> str:
    """The first difference in words; empty for none. Others go on writing. `folder`: of the snapshots, the
    oldest is begun with. Raises BrokenChainError, OSError, pysqlite3.Error."""
    first = snapshots.path_of(folder, snapshots.generations(folder)[0])
    replica = folder / "scrub.part"
    replica.unlink(missing_ok=True)
    try:
        replay.replay(first, journal, replica)
        with closing(pysqlite3.connect(str(store), timeout=5, isolation_level=None)) as raw:
            raw.execute("ATTACH ? AS replica", (str(replica),))
            raw.execute("BEGIN")
            upto = place_of(raw)  # from here on the store's rows are of this moment
            replica_place = _place_of_replica(replica)
            if (replica_place.generation, replica_place.seq) < (upto.generation, upto.seq):
                replay.replay(first, journal, replica, upto=upto)
            elif replica_place != upto:
                return f"the journal is at change {replica_place.seq}, the store at {upto.seq}"
            return _difference(raw)
    finally:
        replica.unlink(missing_ok=True)


def _place_of_replica(replica: Path) -> Any:
    with closing(pysqlite3.connect(str(replica), isolation_level=None)) as raw:
        return place_of(raw)


def _difference(raw: Any) -> str:
    """Without values: there are password hashes among them."""
    for table in capture.kept_tables():
        columns = ", ".join(f'"{name}"' for name in capture.columns_of(table))
        key = capture.key_of(table)
        for here, there, word in (
            ("main", "replica", "is not as in the journal"),
            ("replica", "main", "is missing"),
        ):
            rows = [f'SELECT {columns} FROM {each}."{table.name}"' for each in (here, there)]
            row = raw.execute(f"{rows[0]} EXCEPT {rows[1]} LIMIT 1").fetchone()
            if row:
                named = dict(zip(capture.columns_of(table), row, strict=True))
                which = ", ".join(f"{name} {named[name]!r}" for name in key)
                return f"table {table.name}, {which}: the row {word}"
    return ""

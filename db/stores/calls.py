"""Call records: taken from the router's spool exactly once, and read by people."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Insert, Select, bindparam, func, select

from db import tables
from db.engine import Database
from db.text import kept

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One decision in words. `at_s`: seconds since the call started."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A finished call. Times are aware, UTC; `status`: what the caller got; `agent`: who took it."""

    id: str
    started: datetime
    ended: datetime
    answered: datetime | None
    caller: str
    caller_raw: str
    caller_name: str
    dialled: str
    group: str
    vip: bool
    result: str
    status: int
    agent: str | None
    talk_s: float
    ring_s: float
    steps: tuple[Step, ...]


class Calls:
    """Does not raise the revision: no process acts on it."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def position(self, source: str) -> int:
        """Up to which byte the file `source` has been taken in."""
        return self._database.read(lambda connection: _position(connection, source))

    def ingest(
        self, source: str, offset: int, records: Iterable[Mapping[str, Any]], next_offset: int
    ) -> int:  # fmt: skip
        """Keep what was read of `source` between the two offsets; how many records are new.

        Records and position are one commit. Where `offset` is not the position, nothing is kept (0):
        somebody was quicker; ask for the position again. A record that cannot be read is told in the log
        and left out: it must not hold up the others.
        """
        rows = [row for record in records if (row := _readable(record)) is not None]
        return self._database.record(
            lambda connection: self._ingest(connection, source, offset, rows, next_offset)
        )

    def latest(self, limit: int = 50) -> tuple[CallRecord, ...]:
        """Newest first."""
        return self._read(_NEWEST_FIRST.limit(limit))

    def beginning(self, start: str, limit: int = 10) -> tuple[CallRecord, ...]:
        """Those whose id begins so, newest first."""
        return self._read(
            _NEWEST_FIRST.where(tables.call.c.id.startswith(start, autoescape=True)).limit(limit)
        )

    def count(self) -> int:
        query = select(func.count()).select_from(tables.call)
        return self._database.read(lambda connection: connection.scalar(query) or 0)

    def _read(self, query: Select[Any]) -> tuple[CallRecord, ...]:
        rows = self._database.read(lambda connection: connection.execute(query).mappings().all())
        return tuple(
            CallRecord(**{**row, "steps": tuple(Step(**step) for step in row["steps"])}) for row in rows
        )

    def _ingest(
        self, connection: Connection, source: str, offset: int, rows: list[dict[str, Any]], next_offset: int
    ) -> int:
        if _position(connection, source) != offset:
            return 0
        new = _insert_new(connection, rows) if rows else 0
        position = {"offset": next_offset, "updated": self._clock()}
        done = connection.execute(_MOVE, {"of": source, **position})
        if not done.rowcount:
            connection.execute(tables.spool_position.insert(), {"source": source, **position})
        return new


_NEWEST_FIRST = select(tables.call).order_by(tables.call.c.started.desc(), tables.call.c.id)
_MOVE = tables.spool_position.update().where(tables.spool_position.c.source == bindparam("of"))


@functools.cache
def _insert_once(dialect: str) -> Insert:
    """The router may have written a record again after a crash: its id tells."""
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(tables.call).on_conflict_do_nothing(index_elements=["id"])
    from sqlalchemy.dialects import postgresql  # 2 MB, which nobody needs whose store is a file

    return postgresql.insert(tables.call).on_conflict_do_nothing(index_elements=["id"])


def _insert_new(connection: Connection, rows: list[dict[str, Any]]) -> int:
    """The driver's own loop over one prepared statement: how many are new it counts itself."""
    insert = _insert_once(connection.dialect.name)
    return connection.execute(insert, rows, execution_options={"preserve_rowcount": True}).rowcount


def _position(connection: Connection, source: str) -> int:
    positions = tables.spool_position
    return connection.scalar(select(positions.c.offset).where(positions.c.source == source)) or 0


def _readable(record: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        return _row(record)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
        log.warning("call record left out, %s: %s: %.500r", type(exc).__name__, exc, record)
        return None


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    """For the table. Identity and times must be right; anything else that is missing counts as empty."""
    if not isinstance(record["id"], str) or not record["id"]:
        raise ValueError("no id")
    row: dict[str, Any] = {"id": kept(record["id"], 64)}
    for name, longest in _TEXTS.items():
        row[name] = kept(str(record.get(name) or ""), longest)
    row["started"] = _time(record["started"])
    row["ended"] = _time(record["ended"])
    row["answered"] = _time(record["answered"]) if record.get("answered") else None
    row["vip"] = bool(record.get("vip"))
    row["status"] = max(0, min(int(record.get("status") or 0), 999))
    row["agent"] = kept(str(record["agent"]), 64) if record.get("agent") else None
    row["talk_s"] = _seconds(record.get("talk_s"))
    row["ring_s"] = _seconds(record.get("ring_s"))
    row["steps"] = [
        {"at_s": _seconds(step.get("at_s")), "text": kept(str(step.get("text") or ""), 1000)}
        for step in record.get("steps") or ()
    ]
    return row


_TEXTS = {
    "caller": 128,
    "caller_raw": 128,
    "caller_name": 128,
    "dialled": 128,
    "group": 100,
    "result": 16,
}
"""Fields and the characters their columns hold."""


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.utcoffset() is None:
        raise ValueError(f"{text!r} has no zone")
    return at.astimezone(UTC)


def _seconds(value: object) -> float:
    seconds = value if type(value) is float else float(str(value or 0))
    if not math.isfinite(seconds):
        raise ValueError(f"{value!r} is no duration")
    return seconds

"""The audit trail: who did what, from where. Grows only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from db import tables
from db.engine import Database
from db.text import kept
from db.variables.states import Actor


@dataclass(frozen=True, slots=True)
class Note:
    """`at`: aware, UTC."""

    id: int
    at: datetime
    actor: Actor
    action: str
    detail: str


class AuditTrail:
    """Does not raise the revision: no process acts on it."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def note(self, actor: Actor, action: str, detail: str = "") -> None:
        """Keep a line. Never a password in `detail`."""
        self._database.record(lambda connection: write(connection, self._clock(), actor, action, detail))

    def latest(self, limit: int = 50) -> tuple[Note, ...]:
        """Newest first."""
        query = select(tables.audit).order_by(tables.audit.c.id.desc()).limit(limit)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return tuple(
            Note(row.id, row.at, Actor(row.user, row.address, row.channel), row.action, row.detail)
            for row in rows
        )


def write(connection: Connection, at: datetime, actor: Actor, action: str, detail: str) -> None:
    """A line in the transaction of what it tells of."""
    connection.execute(
        insert(tables.audit).values(
            at=at,
            user=kept(actor.user, 64),
            address=kept(actor.address, 64),
            channel=actor.channel,
            action=kept(action, 64),
            detail=kept(detail, 4000),
        )
    )

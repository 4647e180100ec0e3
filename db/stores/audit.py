"""The audit trail: who did what, from where. Grows only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from db import tables
from db.engine import Database
from db.text import kept
from db.variables.states import Actor

NOTES_SEARCHED = 100_000


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
        return tuple(_note(row) for row in rows)

    def last_visit(self, user: str, channel: str, like: str) -> tuple[Note, int] | None:
        """The last login of this user there, and how many failed since whose detail begins with `like`. None
        when the newest NOTES_SEARCHED lines have none."""
        columns = tables.audit.c

        def ask(connection: Connection) -> tuple[Note, int] | None:
            newest = connection.scalar(select(func.max(columns.id))) or 0
            there = (columns.id > newest - NOTES_SEARCHED, columns.channel == channel)
            login = (columns.action == "login", columns.user == kept(user, 64))
            row = connection.execute(
                select(tables.audit).where(*there, *login).order_by(columns.id.desc()).limit(1)
            ).first()
            if row is None:
                return None
            failed = (columns.action == "login failed", columns.detail.startswith(like, autoescape=True))
            since = select(func.count()).select_from(tables.audit).where(columns.id > row.id, *there, *failed)
            return _note(row), connection.scalar(since) or 0

        return self._database.read(ask)


def _note(row: Row[Any]) -> Note:
    return Note(row.id, row.at, Actor(row.user, row.address, row.channel), row.action, row.detail)


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

"""Where backups are carried to. Their secrets are read by whoever logs in with them, and told to nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from db import tables
from db.engine import Database
from db.errors import RefusedError
from db.stores import audit
from db.targets import SECRETS, WORDS, TargetKind, TargetSettings, TargetState, changed, made
from db.text import kept
from db.variables.states import Actor

_TABLE = tables.backup_target


class BackupTargets:
    """Raises RefusedError for what cannot be; nothing has changed then."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def all(self) -> tuple[TargetState, ...]:
        query = select(_TABLE).order_by(_TABLE.c.name)
        return tuple(
            _state(row) for row in self._database.read(lambda connection: connection.execute(query).all())
        )

    def get(self, name: str) -> TargetState:
        """Large and small letters are the same."""
        found = self.all()
        for each in found:
            if each.settings.name.casefold() == name.casefold():
                return each
        raise _none(name, found)

    def add(self, name: str, kind: str, actor: Actor) -> TargetState:
        new = made(name, kind)

        def do(connection: Connection) -> None:
            there = connection.scalars(select(_TABLE.c.name)).all()
            if name.casefold() in [each.casefold() for each in there]:
                raise RefusedError(f"there is a target {name!r} already", hint="take another name")
            row = _row(new) | {"since": self._clock(), "proven": "", "result": ""}
            connection.execute(insert(_TABLE).values(row))
            audit.write(connection, self._clock(), actor, "backup target", f"{name}: added, {new.kind.value}")

        self._database.change(do)
        return self.get(name)

    def set(self, name: str, word: str, text: str, actor: Actor) -> TargetState:
        old = self.get(name).settings
        new = changed(old, word, text)
        shown = "changed" if WORDS[word][0] in SECRETS else f"{kept(text, 300)!r}"
        values = _row(new)
        if new.enabled and (not old.enabled or new.schedule != old.schedule):
            values["since"] = self._clock()

        def do(connection: Connection) -> None:
            connection.execute(update(_TABLE).where(_TABLE.c.name == old.name).values(values))
            audit.write(connection, self._clock(), actor, "backup target", f"{old.name}: {word} {shown}")

        self._database.change(do)
        return self.get(old.name)

    def remove(self, name: str, actor: Actor) -> None:
        found = self.get(name).settings.name

        def do(connection: Connection) -> None:
            connection.execute(delete(_TABLE).where(_TABLE.c.name == found))
            audit.write(connection, self._clock(), actor, "backup target", f"{found}: removed")

        self._database.change(do)

    def knows(self, name: str, fingerprint: str) -> None:
        """The server was seen for the first time; somebody who was quicker is not overruled."""
        there = (_TABLE.c.name == name, _TABLE.c.known_by == "")
        self._database.change(
            lambda connection: connection.execute(update(_TABLE).where(*there).values(known_by=fingerprint))
        )

    def ended(self, name: str, result: str, proven: str = "") -> None:
        """What came of an attempt; `proven`: the backup that is there now, read back."""
        values: dict[str, object] = {"result": kept(result, 1000)}
        if proven:
            values |= {"proven": proven, "proven_at": self._clock()}
        self._database.record(
            lambda connection: connection.execute(update(_TABLE).where(_TABLE.c.name == name).values(values))
        )


def _none(name: str, found: tuple[TargetState, ...]) -> RefusedError:
    names = ", ".join(each.settings.name for each in found)
    hint = f"there are {names}" if names else "target add NAME KIND makes one"
    return RefusedError(f"there is no target {name[:40]!r}", hint=hint)


def _row(settings: TargetSettings) -> dict[str, Any]:
    return asdict(settings) | {"kind": settings.kind.value}


def _state(row: Row[Any]) -> TargetState:
    found = dict(row._mapping)
    rest = {name: found.pop(name) for name in ("since", "proven", "proven_at", "result")}
    return TargetState(TargetSettings(**found | {"kind": TargetKind(found["kind"])}), **rest)

"""Changes on trial, inside the transactions of `Variables`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from db import tables
from db.errors import NotOnTrialError, OnTrialError
from db.stores.history import change_of
from db.variables.states import Change
from db.variables.trials import Outcome, Trial

_TRIAL, _CHANGE = tables.trial, tables.variable_change


def begin(connection: Connection, change: Change, given: timedelta) -> None:
    connection.execute(
        insert(_TRIAL).values(
            change_id=change.id,
            given_s=round(given.total_seconds()),
            until=change.at + given,
            outcome=Outcome.WAITING.value,
            told=False,
        )
    )


def refuse_if_waiting(connection: Connection, name: str) -> None:
    """While a change waits, its variable has no other: nobody could say what to go back to."""
    for trial in waiting(connection):
        if trial.change.name == name:
            raise OnTrialError(name, trial.change.id, trial.change.actor.user or trial.change.actor.channel)


def waiting(connection: Connection) -> tuple[Trial, ...]:
    return _read(connection, _ALL.where(_TRIAL.c.outcome == Outcome.WAITING.value))


def confirm(connection: Connection, change_id: int | None, now: datetime) -> tuple[Trial, ...]:
    found = [trial for trial in waiting(connection) if change_id in (None, trial.change.id)]
    if not found:
        what = "no change waits" if change_id is None else f"change #{change_id} does not wait"
        hint = "show changes lists those that do, and what became of the others"
        raise NotOnTrialError(f"{what} to be confirmed", hint=hint)
    for trial in found:
        end(connection, trial.change.id, Outcome.CONFIRMED, now)
    return tuple(get(connection, trial.change.id) for trial in found)


def end(connection: Connection, change_id: int, outcome: Outcome, now: datetime) -> None:
    """Nothing if that change does not wait."""
    connection.execute(
        update(_TRIAL)
        .where(_TRIAL.c.change_id == change_id, _TRIAL.c.outcome == Outcome.WAITING.value)
        .values(outcome=outcome.value, ended=now)
    )


def get(connection: Connection, change_id: int) -> Trial:
    return _read(connection, _ALL.where(_TRIAL.c.change_id == change_id))[0]


def untold(connection: Connection, user: str) -> tuple[Trial, ...]:
    """Those that nobody has ended by hand."""
    return _read(
        connection,
        _ALL.where(
            _CHANGE.c.user == user,
            _TRIAL.c.told.is_(False),
            _TRIAL.c.outcome.in_((Outcome.UNDONE.value, Outcome.KEPT.value)),
        ),
    )


def tell(connection: Connection, user: str) -> tuple[Trial, ...]:
    """As `untold`, which it is no more afterwards."""
    found = untold(connection, user)
    numbers = [trial.change.id for trial in found]
    connection.execute(update(_TRIAL).where(_TRIAL.c.change_id.in_(numbers)).values(told=True))
    return found


_ALL = (
    select(_CHANGE, _TRIAL.c.given_s, _TRIAL.c.until, _TRIAL.c.outcome, _TRIAL.c.ended)
    .join(_TRIAL, _TRIAL.c.change_id == _CHANGE.c.id)
    .order_by(_CHANGE.c.id)
)


def _read(connection: Connection, query: Select[Any]) -> tuple[Trial, ...]:
    return tuple(_trial(row) for row in connection.execute(query))


def _trial(row: Row[Any]) -> Trial:
    given = timedelta(seconds=row.given_s)
    return Trial(change_of(row), given, row.until, Outcome(row.outcome), row.ended)

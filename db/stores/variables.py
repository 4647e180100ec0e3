"""The values of the system variables, with their history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from db import tables
from db.engine import Database
from db.errors import InvalidValueError, UndoRefusedError
from db.stores import audit, trials
from db.stores.history import change_of as _change
from db.text import kept as kept_text
from db.variables.catalogue import CATALOGUE, Variable, find
from db.variables.states import Actor, Change, VariableState
from db.variables.trials import Outcome, Trial
from db.variables.values import Context


@dataclass(frozen=True, slots=True)
class Machine:
    """What the rules know of the machine they are for."""

    edition: str
    ram_mb: int


class Variables:
    """Each change: one commit, with its line in the history and the revision raised."""

    def __init__(self, database: Database, machine: Machine, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._machine = machine
        self._clock = clock

    def all(self) -> tuple[VariableState, ...]:
        """Every variable, in the order of the catalogue."""
        return self._database.read(lambda connection: states(connection, self._machine.edition))

    def get(self, name: str) -> VariableState:
        """By name or unique beginning. Raises UnknownVariableError, AmbiguousVariableError."""
        variable = find(name)
        return self._database.read(
            lambda connection: _with_change(connection, variable, self._machine.edition)
        )

    def set(self, name: str, text: str, actor: Actor, trial: timedelta | None = None) -> Change:
        """Check, keep and remember. A value that is set already is no change (`changed` is False).

        `trial`: the change is to be taken back unless it is confirmed within that time. Raises
        UnknownVariableError, AmbiguousVariableError, InvalidValueError, NotInEditionError, OnTrialError.
        """
        variable = find(name)

        def ask(connection: Connection) -> tuple[VariableState, str]:
            state = _state(connection, variable, self._machine.edition)
            return state, self._parsed(connection, variable, text)

        before, value = self._database.read(ask)
        if not before.is_default and before.value == value:
            return self._unchanged(before, actor)

        def do(connection: Connection) -> Change:
            trials.refuse_if_waiting(connection, variable.name)
            change = self._put(connection, variable, self._parsed(connection, variable, text), actor)
            if trial is not None:
                trials.begin(connection, change, trial)
            return change

        return self._database.change(do)

    def reset(self, name: str, actor: Actor) -> Change:
        """Back to the default. No change if it has not been set. Raises as `get`, and OnTrialError."""
        variable = find(name)
        before = self.get(variable.name)
        if before.is_default:
            return self._unchanged(before, actor)

        def do(connection: Connection) -> Change:
            trials.refuse_if_waiting(connection, variable.name)
            return self._put(connection, variable, None, actor)

        return self._database.change(do)

    def undo(self, actor: Actor, change_id: int | None = None) -> Change:
        """Take back the last change that stands, or the one with this number; itself a change.

        An undo can be undone by its number. Raises UndoRefusedError, and InvalidValueError when the old
        value would not be right any more.
        """
        return self._database.change(lambda connection: self._undo(connection, actor, change_id))

    def waiting(self) -> tuple[Trial, ...]:
        """The changes that are undone unless somebody confirms them, in the order they were made."""
        return self._database.read(trials.waiting)

    def confirm(self, change_id: int | None = None) -> tuple[Trial, ...]:
        """Keep that change, or all that wait. Raises NotOnTrialError."""
        return self._database.record(lambda connection: trials.confirm(connection, change_id, self._clock()))

    def give_up(self, change_id: int, actor: Actor) -> Trial | None:
        """Undo a change that nobody has confirmed; None where it waits no more, so that of several who try
        only one undoes it. One that cannot be undone is kept, with its outcome."""

        def do(connection: Connection) -> Trial | None:
            if change_id not in {trial.change.id for trial in trials.waiting(connection)}:
                return None
            try:
                self._undo(connection, actor, change_id, trial=Outcome.UNDONE)
            except UndoRefusedError:
                trials.end(connection, change_id, Outcome.OVERTAKEN, self._clock())
            except InvalidValueError:
                trials.end(connection, change_id, Outcome.KEPT, self._clock())
            ended = trials.get(connection, change_id)
            minutes = round(ended.given.total_seconds() / 60)
            detail = (
                f"{ended.change.name}: change {change_id} not confirmed within {minutes} min: {ended.outcome}"
            )
            audit.write(connection, self._clock(), actor, "trial over", detail)
            return ended

        return self._database.change(do)

    def untold(self, user: str) -> tuple[Trial, ...]:
        """How trials of this user ended that he has not been told of; told with this."""
        if not self._database.read(lambda connection: trials.untold(connection, user)):
            return ()
        return self._database.record(lambda connection: trials.tell(connection, user))

    def history(self, name: str | None = None, limit: int = 50) -> tuple[Change, ...]:
        """Newest first; of one variable, or of all. Raises as `get`."""
        history = tables.variable_change
        query = select(history).order_by(history.c.id.desc()).limit(limit)
        if name is not None:
            query = query.where(history.c.name == find(name).name)
        return self._database.read(
            lambda connection: tuple(_change(row) for row in connection.execute(query))
        )

    def _parsed(self, connection: Connection, variable: Variable, text: str) -> str:
        def user_exists(number: str) -> bool:
            return bool(connection.scalar(select(exists().where(tables.users.c.number == number))))

        return variable.parse(text, Context(self._machine.edition, self._machine.ram_mb, user_exists))

    def _put(
        self,
        connection: Connection,
        variable: Variable,
        value: str | None,
        actor: Actor,
        *,
        undoes: int | None = None,
    ) -> Change:
        at = self._clock()
        edition = self._machine.edition
        return put(connection, variable, value, actor=actor, at=at, edition=edition, undoes=undoes)

    def _unchanged(self, state: VariableState, actor: Actor) -> Change:
        return Change(
            0, self._clock(), actor, state.variable.name, state.value, state.value,
            state.is_default, state.is_default,
        )  # fmt: skip

    def _undo(
        self,
        connection: Connection,
        actor: Actor,
        change_id: int | None,
        *,
        trial: Outcome = Outcome.OVERTAKEN,
    ) -> Change:
        taken_back = _standing(connection) if change_id is None else _numbered(connection, change_id)
        variable = find(taken_back.name)
        self._must_still_count(connection, variable, taken_back)
        value = None
        if not taken_back.old_is_default:
            value = self._parsed(connection, variable, taken_back.old)
        change = self._put(connection, variable, value, actor, undoes=taken_back.id)
        history = tables.variable_change
        connection.execute(
            update(history).where(history.c.id == taken_back.id).values(undone_by=change.id)
        )  # fmt: skip
        trials.end(connection, taken_back.id, trial, self._clock())
        if taken_back.undoes is not None:
            # What had been taken back stands again.
            connection.execute(
                update(history).where(history.c.id == taken_back.undoes).values(undone_by=None)
            )  # fmt: skip
        return change

    def _must_still_count(self, connection: Connection, variable: Variable, change: Change) -> None:
        history = tables.variable_change
        later = connection.scalar(
            select(func.max(history.c.id)).where(
                history.c.name == change.name,
                history.c.id > change.id,
                history.c.undone_by.is_(None),
                history.c.undoes.is_(None),
            )
        )
        now = _state(connection, variable, self._machine.edition)
        left = (change.new, change.new_is_default)
        if later is None and (now.value, now.is_default) == left:
            return
        by = f" by change #{later}" if later else ""
        raise UndoRefusedError(
            f"{change.name} has moved on since change #{change.id}{by}: it is {now.shown} now",
            hint="set the value you want, or undo the later change first",
        )


def states(connection: Connection, edition: str) -> tuple[VariableState, ...]:
    """Every variable with its value, in the order of the catalogue."""
    history = tables.variable_change
    newest = select(func.max(history.c.id)).group_by(history.c.name)
    rows = connection.execute(select(history).where(history.c.id.in_(newest)))
    changes = {row.name: _change(row) for row in rows}
    kept = {row.name: row.value for row in connection.execute(select(tables.variable))}
    return tuple(
        _composed(variable, kept.get(variable.name), changes.get(variable.name), edition)
        for variable in CATALOGUE
    )


def put(
    connection: Connection,
    variable: Variable,
    value: str | None,
    *,
    actor: Actor,
    at: datetime,
    edition: str,
    undoes: int | None = None,
) -> Change:
    """Keep `value` (stored form; None: the default) and its line in the history."""
    before = _state(connection, variable, edition)
    after = _composed(variable, value, None, edition)
    row = {
        "at": at,
        "user": kept_text(actor.user, 64),
        "address": kept_text(actor.address, 64),
        "channel": actor.channel,
        "name": variable.name,
        "old": before.value,
        "new": after.value,
        "old_is_default": before.is_default,
        "new_is_default": after.is_default,
        "undoes": undoes,
    }
    history = tables.variable_change
    change = _change(connection.execute(insert(history).values(row).returning(history)).one())
    connection.execute(delete(tables.variable).where(tables.variable.c.name == variable.name))
    if value is not None:
        connection.execute(
            insert(tables.variable).values(name=variable.name, value=value, change_id=change.id)
        )  # fmt: skip
    return change


def values(connection: Connection, edition: str) -> dict[str, str]:
    """What counts for every variable, by name, in stored form."""
    kept = {row.name: row.value for row in connection.execute(select(tables.variable))}
    return {each.name: kept.get(each.name, each.default_for(edition)) for each in CATALOGUE}


def _with_change(connection: Connection, variable: Variable, edition: str) -> VariableState:
    history = tables.variable_change
    newest = select(history).where(history.c.name == variable.name).order_by(history.c.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return replace(_state(connection, variable, edition), last_change=None if row is None else _change(row))


def _state(connection: Connection, variable: Variable, edition: str) -> VariableState:
    table = tables.variable
    value = connection.scalar(select(table.c.value).where(table.c.name == variable.name))
    return _composed(variable, value, None, edition)


def _composed(variable: Variable, value: str | None, change: Change | None, edition: str) -> VariableState:
    counts = variable.default_for(edition) if value is None else value
    missing = "" if edition in variable.editions else variable.edition_reason
    return VariableState(variable, counts, variable.shown(counts), value is None, change, missing)


def _standing(connection: Connection) -> Change:
    history = tables.variable_change
    row = connection.execute(
        select(history)
        .where(history.c.undone_by.is_(None), history.c.undoes.is_(None))
        .order_by(history.c.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise UndoRefusedError("there is nothing to undo", hint="the history shows what has been changed")
    return _change(row)


def _numbered(connection: Connection, change_id: int) -> Change:
    history = tables.variable_change
    row = connection.execute(select(history).where(history.c.id == change_id)).one_or_none()
    if row is None:
        problem = f"there is no change #{change_id}"
        raise UndoRefusedError(problem, hint="the history shows the numbers")
    change = _change(row)
    if change.undone_by is not None:
        problem = f"change #{change.id} has been undone already, by #{change.undone_by}"
        raise UndoRefusedError(problem, hint=f"undo {change.undone_by} would bring it back")
    return change

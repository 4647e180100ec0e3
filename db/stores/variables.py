"""The values of the system variables, with their history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, select

from db import tables
from db.engine import Database
from db.errors import InvalidValueError, UndoRefusedError
from db.stores import audit, trials, undoing, values
from db.stores.history import change_of
from db.variables.catalogue import Variable, find
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
        return self._database.read(lambda connection: values.states(connection, self._machine.edition))

    def get(self, name: str) -> VariableState:
        """By name or unique beginning. Raises UnknownVariableError, AmbiguousVariableError."""
        variable = find(name)
        return self._database.read(
            lambda connection: values.with_change(connection, variable, self._machine.edition)
        )

    def set(self, name: str, text: str, actor: Actor, trial: timedelta | None = None) -> Change:
        """Check, keep and remember. A value that is set already is no change (`changed` is False).

        `trial`: the change is to be taken back unless it is confirmed within that time. Raises
        UnknownVariableError, AmbiguousVariableError, InvalidValueError, NotInEditionError, OnTrialError.
        """
        variable = find(name)

        def ask(connection: Connection) -> tuple[VariableState, str]:
            state = values.state(connection, variable, self._machine.edition)
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
            lambda connection: tuple(change_of(row) for row in connection.execute(query))
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
        return values.put(connection, variable, value, actor=actor, at=at, edition=edition, undoes=undoes)

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
        taken_back = undoing.to_take_back(connection, change_id)
        variable = find(taken_back.name)
        now = values.state(connection, variable, self._machine.edition)
        undoing.must_still_count(connection, now, taken_back)
        value = None
        if not taken_back.old_is_default:
            value = self._parsed(connection, variable, taken_back.old)
        change = self._put(connection, variable, value, actor, undoes=taken_back.id)
        undoing.mark_undone(connection, taken_back, by=change.id)
        trials.end(connection, taken_back.id, trial, self._clock())
        return change

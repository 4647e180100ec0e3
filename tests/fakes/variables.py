"""System variables in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from db.errors import NotOnTrialError, OnTrialError, UndoRefusedError
from db.variables.catalogue import CATALOGUE, find
from db.variables.states import Actor, Change, VariableState
from db.variables.trials import Outcome, Trial
from db.variables.values import Context as Rules

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
"""A Tuesday."""


class FakeVariables:
    """`failure`: raised by everything."""

    def __init__(self, now: Callable[[], datetime] = lambda: NOON, rules: Rules | None = None) -> None:
        self._now = now
        self._rules = rules or Rules(ram_mb=2048, user_exists=lambda number: number == "201")
        self._changes: list[Change] = []
        self.trials: list[Trial] = []
        self._told: set[int] = set()
        self.failure: Exception | None = None

    async def all(self) -> Sequence[VariableState]:
        self._check()
        return tuple(self._state(variable.name) for variable in CATALOGUE)

    async def get(self, name: str) -> VariableState:
        self._check()
        return self._state(find(name).name)

    async def set(self, name: str, text: str, actor: Actor, trial: timedelta | None = None) -> Change:
        self._check()
        variable = find(name)
        value = variable.parse(text, self._rules)
        if value != self._state(variable.name).value or self._state(variable.name).is_default:
            self._refuse_if_waiting(variable.name)
        change = self._change(variable.name, value, False, actor)
        if trial is not None and change.changed:
            self.trials.append(Trial(change, trial, change.at + trial, Outcome.WAITING))
        return change

    async def reset(self, name: str, actor: Actor) -> Change:
        self._check()
        variable = find(name)
        if not self._state(variable.name).is_default:
            self._refuse_if_waiting(variable.name)
        return self._change(variable.name, variable.default_for(self._rules.edition), True, actor)

    async def undo(self, actor: Actor, change_id: int | None = None) -> Change:
        self._check()
        target = self._standing() if change_id is None else self._numbered(change_id)
        if self._state(target.name).value != target.new:
            raise UndoRefusedError(
                f"{target.name} has been changed since", hint="undo the later change first"
            )
        change = self._change(target.name, target.old, target.old_is_default, actor, undoes=target.id)
        self._mark(target.id, change.id)
        self._end([target.id], Outcome.OVERTAKEN)
        if target.undoes is not None:
            self._mark(target.undoes, None)
        return change

    async def history(self, name: str | None = None, limit: int = 50) -> Sequence[Change]:
        self._check()
        wanted = None if name is None else find(name).name
        return tuple(c for c in reversed(self._changes) if wanted in (None, c.name))[:limit]

    async def waiting(self) -> Sequence[Trial]:
        self._check()
        return tuple(trial for trial in self.trials if trial.waits)

    async def confirm(self, change_id: int | None = None) -> Sequence[Trial]:
        self._check()
        found = [t.change.id for t in self.trials if t.waits and change_id in (None, t.change.id)]
        if not found:
            raise NotOnTrialError("no change waits to be confirmed", hint="show changes lists those that do")
        return self._end(found, Outcome.CONFIRMED)

    async def untold(self, user: str) -> Sequence[Trial]:
        self._check()
        found = [t for t in self.trials if t.outcome is Outcome.UNDONE and t.change.actor.user == user]
        told = [t for t in found if t.change.id not in self._told]
        self._told.update(t.change.id for t in told)
        return told

    async def give_up(self) -> None:
        """The time of all trials is over."""
        for trial in await self.waiting():
            await self.undo(Actor("", "", "system"), trial.change.id)
            place = next(n for n, t in enumerate(self.trials) if t.change.id == trial.change.id)
            self.trials[place] = replace(self.trials[place], outcome=Outcome.UNDONE)

    def _end(self, changes: Sequence[int], outcome: Outcome) -> list[Trial]:
        ended = []
        for place, trial in enumerate(self.trials):
            if trial.waits and trial.change.id in changes:
                self.trials[place] = replace(trial, outcome=outcome, ended=self._now())
                ended.append(self.trials[place])
        return ended

    def _refuse_if_waiting(self, name: str) -> None:
        for trial in self.trials:
            if trial.waits and trial.change.name == name:
                raise OnTrialError(name, trial.change.id, trial.change.actor.user)

    def _standing(self) -> Change:
        standing = [c for c in self._changes if c.undone_by is None and c.undoes is None]
        if not standing:
            raise UndoRefusedError("there is nothing to undo", hint="the history shows what has been changed")
        return standing[-1]

    def _numbered(self, change_id: int) -> Change:
        for change in self._changes:
            if change.id == change_id and change.undone_by is None:
                return change
            if change.id == change_id:
                raise UndoRefusedError(
                    f"change #{change_id} has been undone already", hint="the history shows it"
                )
        raise UndoRefusedError(f"there is no change #{change_id}", hint="the history shows the numbers")

    def _mark(self, change_id: int, undone_by: int | None) -> None:
        self._changes[change_id - 1] = replace(self._changes[change_id - 1], undone_by=undone_by)

    def _change(
        self, name: str, new: str, is_default: bool, actor: Actor, undoes: int | None = None
    ) -> Change:
        before = self._state(name)
        same = before.value == new and before.is_default == is_default
        number = 0 if same else len(self._changes) + 1
        change = Change(
            number, self._now(), actor, name, before.value, new, before.is_default, is_default, undoes
        )
        if not same:
            self._changes.append(change)
        return change

    def _state(self, name: str) -> VariableState:
        variable = find(name)
        last = next((c for c in reversed(self._changes) if c.name == variable.name), None)
        value = last.new if last else variable.default_for(self._rules.edition)
        there = self._rules.edition in variable.editions
        return VariableState(
            variable,
            value,
            variable.shown(value),
            last.new_is_default if last else True,
            last,
            "" if there else variable.edition_reason,
        )

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

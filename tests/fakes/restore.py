"""Restores that are made in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from db.backup.manifest import Kind
from db.restore.plan import EVERYTHING, Difference, Plan
from db.variables.states import Actor
from shell.restore_ports import RestoreRefusedError, RestoreState

NAME = "callisto-office-20261123-010203Z.zip"
AT = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)


class FakeRestore:
    """`passwords`: of each backup there is, empty for none. `hold`: it is not finished until that is set;
    None: at once. `failure`: why it goes back. `warnings`: of each plan. `asked`: by whom, what and which
    kinds, for those that were begun."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {NAME: ""}
        self.hold: asyncio.Event | None = None
        self.failure: tuple[str, str] | None = None
        self.warnings: tuple[str, ...] = ()
        self.asked: list[tuple[Actor, str, tuple[Kind, ...]]] = []
        self.rehearsed: list[str] = []
        self._state: RestoreState | None = None

    async def rehearse(self, actor: Actor, archive: str, kinds: Sequence[Kind], password: str) -> Plan:
        self._refuse()
        self._check(archive, password)
        self.rehearsed.append(archive)
        chosen = tuple(kinds) or EVERYTHING
        found = (Difference("groups", "groups", 1, 0, 2, ("Board", "Sales")),) if "groups" in chosen else ()
        return Plan(archive, AT, "0.1.0", "0004", chosen, found, warnings=self.warnings)

    async def begin(self, actor: Actor, archive: str, kinds: Sequence[Kind], password: str) -> RestoreState:
        self._refuse()
        if archive not in self.passwords:
            raise _missing(archive)
        self.asked.append((actor, archive, tuple(kinds)))
        stamp = f"20261123-{len(self.asked):06}"
        state = RestoreState(
            stamp, actor.user, AT, archive, tuple(kinds) or EVERYTHING, "back up the present state", 30
        )
        try:
            self._check(archive, password)
        except RestoreRefusedError as exc:
            self._state = replace(
                state, percent=100, done=True, failed=True, result=exc.message, hint=exc.hint
            )
            return state
        self._state = self._ended(state) if self.hold is None else state
        return state

    async def state(self) -> RestoreState | None:
        if self._state and not self._state.done and self.hold and self.hold.is_set():
            self._state = self._ended(self._state)
        return self._state

    async def follow(self) -> AsyncGenerator[RestoreState, None]:
        state = await self.state()
        if state is None:
            return
        if not state.done:
            yield state
            if self.hold:
                await self.hold.wait()
            state = await self.state() or state
        yield state

    def _refuse(self) -> None:
        if self._state and not self._state.done:
            raise RestoreRefusedError(
                f"{self._state.who} restores {self._state.archive} already", "restore status looks on"
            )

    def _check(self, archive: str, password: str) -> None:
        if archive not in self.passwords:
            raise _missing(archive)
        if self.passwords[archive] and not password:
            raise RestoreRefusedError("the backup has a password", "give the password that it was made with")
        if self.passwords[archive] and password != self.passwords[archive]:
            raise RestoreRefusedError(
                "the password is not the one of this backup", "give the password that it was made with"
            )

    def _ended(self, state: RestoreState) -> RestoreState:
        state = replace(state, step="done", percent=100, done=True, saved=NAME)
        if self.failure:
            said, hint = self.failure
            return replace(state, failed=True, result=said, hint=hint)
        what = "everything" if state.kinds == EVERYTHING else " and ".join(state.kinds)
        return replace(state, result=f"{what} restored from {state.archive}")


def _missing(archive: str) -> RestoreRefusedError:
    return RestoreRefusedError(f"there is no backup {archive[:60]!r}", "show backups lists them")

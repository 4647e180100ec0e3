"""Updates at a time: planned, waited for over starts of the supervisor, carried out or given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from appliance.errands import Errands
from appliance.updating import words
from appliance.updating.memory import Memory, Plan
from db.variables.states import Actor
from shell.update_ports import UpdateRefusedError, UpdateState

LOOK_EVERY = 0.25
LATE = timedelta(minutes=5)
"""After that, a plan is not carried out any more: its time was chosen for some reason."""
SLEEP_AT_MOST = 20.0
"""Seconds until the clock is looked at again: somebody may set it."""

Missed = Callable[[Plan, UpdateState], Awaitable[None]]


class Plans:
    """One at most. To be set by who knows: `busy`, whether there can be none now; `carry_out`, which raises
    UpdateRefusedError; `missed`, told of one that is given up, and why."""

    def __init__(self, memory: Memory, errands: Errands, now: Callable[[], datetime]) -> None:
        self._memory = memory
        self._errands = errands
        self._now = now
        self._waiting: asyncio.Task[None] | None = None
        self.plan: Plan | None = None
        self.busy: Callable[[], bool] = lambda: False
        self.carry_out: Callable[[Plan], Awaitable[object]] = _nothing
        self.missed: Missed = _nobody

    def resume(self) -> None:
        """After the start of the supervisor."""
        self.plan = self._memory.plan()
        if self.plan is not None:
            self._wait_for(self.plan)

    async def make(
        self, number: int, name: str, actor: Actor, at: datetime, *, downgrade: bool
    ) -> UpdateState:
        """In the place of another one. Raises UpdateRefusedError."""
        now = self._now()
        if at <= now:
            raise UpdateRefusedError(f"{shown(at)} has been already", "give a time to come")
        if self.plan is not None:
            await self.forget()
        plan = Plan(
            number, name, at.astimezone(UTC), downgrade, actor.user, actor.address, actor.channel, now
        )
        try:
            await self._errands.do(self._memory.keep_plan, plan)
        except OSError as exc:
            raise UpdateRefusedError(f"it cannot be planned: {exc.strerror}", "look at the disk") from exc
        self.plan = plan
        self._wait_for(plan)
        return state_of(plan)

    async def forget(self) -> None:
        waiting, self._waiting, self.plan = self._waiting, None, None
        if waiting is not None:
            waiting.cancel()
            await asyncio.wait({waiting})
        with suppress(OSError):
            await self._errands.do(self._memory.keep_plan, None)

    def state(self) -> UpdateState | None:
        return state_of(self.plan) if self.plan else None

    async def close(self) -> None:
        """It stays planned."""
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.wait({self._waiting})

    def _wait_for(self, plan: Plan) -> None:
        self._waiting = asyncio.create_task(self._wait(plan), name="planned update")

    async def _wait(self, plan: Plan) -> None:
        await self._until(plan.at)
        if not await self._until_free(plan.at + LATE):
            why = f"{plan.name} was to be installed at {shown(plan.at)}, and that could not be then"
            hint = "install it now, or plan it anew"
            return await self._give_up(plan, words.failed(state_of(plan), why, hint))
        self.plan = None
        try:
            await self._errands.do(self._memory.keep_plan, None)
            await self.carry_out(plan)
        except (UpdateRefusedError, OSError) as exc:
            said, hint = (exc.message, exc.hint) if isinstance(exc, UpdateRefusedError) else (str(exc), "")
            await self._give_up(plan, words.failed(state_of(plan), said, hint))
        return None

    async def _until(self, at: datetime) -> None:
        while True:
            left = (at - self._now()).total_seconds()
            if left <= 0:
                return
            await asyncio.sleep(min(left, SLEEP_AT_MOST))

    async def _until_free(self, end: datetime) -> bool:
        """False when it became too late."""
        while True:
            if self._now() > end:
                return False
            if not self.busy():
                return True
            await asyncio.sleep(LOOK_EVERY)

    async def _give_up(self, plan: Plan, state: UpdateState) -> None:
        self.plan = None
        with suppress(OSError):
            await self._errands.do(self._memory.keep_plan, None)
        await self.missed(plan, state)


def state_of(plan: Plan) -> UpdateState:
    return UpdateState(
        plan.number, "install", plan.name, plan.user or "somebody", plan.began, "waits", at=plan.at
    )


def shown(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


async def _nothing(_plan: Plan) -> None:
    return


async def _nobody(_plan: Plan, _state: UpdateState) -> None:
    return

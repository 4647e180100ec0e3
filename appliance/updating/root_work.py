"""What root does for the supervisor (docs/decisions/0019): a request is written, its unit started, and what
it tells is followed, by the next supervisor too."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from appliance.errands import Errands
from appliance.updating import words
from appliance.updating.around import Around
from appliance.updating.following import REBOOTS, Follower
from appliance.updating.memory import Job, Memory
from appliance.updating.root_side import RootSide
from appliance.updating.showing import Showing
from db.variables.states import Actor
from shell.update_ports import UpdateRefusedError, UpdateState, What

log = logging.getLogger(__name__)


class RootWork:
    """One at a time. `note`: into the audit trail. To be set by who knows: `ended`, which is told what came
    of it, and shows it. Inside a running loop."""

    def __init__(
        self,
        around: Around,
        machine: RootSide,
        memory: Memory,
        follower: Follower,
        showing: Showing,
        *,
        errands: Errands,
        note: Callable[[Actor, str], Awaitable[None]],
    ) -> None:
        self._around = around
        self._machine = machine
        self._memory = memory
        self._follower = follower
        self._showing = showing
        self._errands = errands
        self._note = note
        self._task: asyncio.Task[None] | None = None
        self._goes_on = False
        self.ended: Callable[[Job, UpdateState], Awaitable[None]] = _nobody

    @property
    def under_way(self) -> UpdateState | None:
        return self._showing.under_way if self._goes_on else None

    async def ask(
        self, what: What, name: str, actor: Actor, schema: str, *, downgrade: bool = False
    ) -> UpdateState:
        """Write the request, start the unit, follow it. `schema`: of the store. Raises UpdateRefusedError."""
        if why := self._around.busy():
            raise UpdateRefusedError(why, "try again when it is done")
        begun = self._showing.begun(what, name, actor)
        self._goes_on = True
        job = Job(
            begun.number, what, name, uuid.uuid4().hex, actor.user, actor.address, actor.channel,
            begun.began, schema, self._machine.boot(),
        )  # fmt: skip
        try:
            await self._errands.do(partial(self._write, job, downgrade=downgrade))
        except OSError as exc:
            self._goes_on = False
            self._showing.see(words.failed(begun, f"it cannot be begun: {exc.strerror}", "look at the disk"))
            raise UpdateRefusedError(f"it cannot be begun: {exc.strerror}", "look at the disk") from exc
        log.warning("update: %s, begun by %s", f"{what} {name}".rstrip(), begun.who)
        await self._note(actor, f"begun: {what} {name}".rstrip())
        started = asyncio.create_task(self._around.unit.start(), name="part of the update that is root")
        self._task = asyncio.create_task(self._follow(job, started), name="update")
        return begun

    def resume(self, job: Job) -> None:
        """After the start of the supervisor: what goes on is followed."""
        self._goes_on = True
        self._showing.see(words.state_of(job, "goes on after a start"))
        self._task = asyncio.create_task(self._follow(job, None), name="update")

    async def close(self) -> None:
        """It goes on; the next start follows it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _write(self, job: Job, *, downgrade: bool) -> None:
        self._memory.keep_job(job)
        self._machine.ask(job.what, job.id, job.user, job.name, downgrade=downgrade)

    async def _follow(self, job: Job, started: asyncio.Task[None] | None) -> None:
        try:
            state = await self._follower.followed(job, started)
        except asyncio.CancelledError:
            if started is not None:
                started.cancel()
            raise
        except Exception as exc:
            log.exception("an update cannot be followed")
            state = words.failed(words.state_of(job), f"it cannot be followed: {exc}", "the log says why")
        await self._over(job, state)

    async def _over(self, job: Job, state: UpdateState) -> None:
        with suppress(OSError):
            if state.result != REBOOTS:  # else it is followed after that
                await self._errands.do(self._memory.keep_job, replace(job, ended=True))
        self._goes_on = False
        self._task = None
        level = logging.ERROR if state.failed else logging.WARNING
        log.log(level, "update: %s: %s", f"{job.what} {job.name}".rstrip(), state.result)
        await self.ended(job, state)


async def _nobody(_job: Job, _state: UpdateState) -> None:
    return

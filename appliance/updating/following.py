"""What root does for one request, looked on at until its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.errands import Errands
from appliance.services.systemctl import SystemctlError
from appliance.updating import words
from appliance.updating.memory import Job
from appliance.updating.root_side import Ended, RootSide, Unit
from appliance.updating.telling import Telling
from shell.update_ports import UpdateState

LOOK_EVERY = 0.25
LOOKS = 8
"""After a start of the machine: how often nothing is on trial, and nothing came of it, until that is so."""
REBOOTS = "the machine starts anew"


class Follower:
    """`told` gets what is being done, and how many percent of it all."""

    def __init__(self, machine: RootSide, telling: Telling, unit: Unit, looking: Errands) -> None:
        self._machine = machine
        self._telling = telling
        self._unit = unit
        self._looking = looking
        self.told: Callable[[str, int], None] = lambda _doing, _percent: None

    async def followed(self, job: Job, started: asyncio.Task[None] | None) -> UpdateState:
        """Until there is an outcome of it, or the unit has ended without one."""
        rebooted = self._machine.boot() != job.boot
        works, looks = True, LOOKS
        while True:
            looks = LOOKS if self._machine.system_on_trial() else looks - 1
            over = not works or (rebooted and not looks)
            found = await self._looking.do(self._machine.outcome)
            if found is not None and self._is_of(found, job):
                put_back = await self._looking.do(self._telling.put_back, job.began)
                return words.ended(words.state_of(job), found.told, put_back)
            if over:
                return self._without_outcome(job, started, rebooted=rebooted)
            doing, percent = await self._looking.do(self._machine.progress, job.id)
            if doing:
                self.told(doing, percent)
            if started is not None:
                await asyncio.wait({started}, timeout=LOOK_EVERY)
                works = not started.done()
            else:
                await asyncio.sleep(LOOK_EVERY)
                works = rebooted or await self._unit.works()

    @staticmethod
    def _is_of(found: Ended, job: Job) -> bool:
        if found.id == job.id:
            return True
        return job.what == "reboot" and found.told.kind == "system" and found.told.at >= job.began

    def _reboots(self, job: Job) -> bool:
        """Whether what came of it is known after a start of the machine only."""
        return job.what == "reboot" or (job.what == "back" and self._machine.system_on_trial())

    def _without_outcome(
        self, job: Job, started: asyncio.Task[None] | None, *, rebooted: bool
    ) -> UpdateState:
        state = words.state_of(job)
        if rebooted and job.what == "reboot":
            return words.done(state, "the machine has started anew")
        failure = started.exception() if started is not None and not started.cancelled() else None
        if isinstance(failure, SystemctlError):
            return words.failed(state, f"systemd does not do it: {failure}", "the log says why")
        if failure is None and self._reboots(job):
            return words.done(state, REBOOTS)
        return words.failed(state, "the part that is root has ended without a word", "the log says why")

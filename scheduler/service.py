"""Runs planned actions at their day and minute, and keeps how each run ended."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.events import (
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    EVENT_JOB_SUBMITTED,
    JobExecutionEvent,
    JobSubmissionEvent,
)
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from scheduler.clockguard import INTERVAL_S, Clock, ClockGuard, SystemClock
from scheduler.days import WeeklyTime
from scheduler.jobs import GRACE, JobState, Outcome, RunResult, due_after, is_too_late, missed_between
from scheduler.trigger import DayMaskTrigger

log = logging.getLogger(__name__)

Action = Callable[[], Awaitable[str | None]]
"""What to do; returns what to say of it (`web answers again`), or raises."""
OnResult = Callable[[RunResult], Awaitable[None]]

LONGEST_DETAIL = 500
"""Characters of an error kept in a result."""


@dataclass(slots=True)
class _Plan:
    weekly: WeeklyTime | None
    action: Action
    resource: str
    due: datetime | None = None
    """The run that was last handed out, however it ended."""
    last: RunResult | None = None


class Planner:
    """Plans by name. Create it inside the running event loop and close it there.

    `zone`: whose local time the plans mean. `on_result` is awaited after every run; what it raises is logged
    and changes nothing. A run that is more than five minutes late does not happen; several due at once happen
    once; nothing is caught up after the system was off.
    """

    def __init__(
        self,
        zone: ZoneInfo,
        on_result: OnResult,
        *,
        clock: Clock | None = None,
        look_every_s: float = INTERVAL_S,
    ) -> None:
        self._zone = zone
        self._on_result = on_result
        self._clock = clock or SystemClock()
        self._plans: dict[str, _Plan] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._running: set[asyncio.Task[Any]] = set()
        self._telling: set[asyncio.Task[None]] = set()
        # A store of jobs on disk would be pickled code; plans are derived from the variables at every start.
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            job_defaults={
                "misfire_grace_time": int(GRACE.total_seconds()),
                "coalesce": True,
                "max_instances": 1,
            },
        )
        self._scheduler.add_listener(self._submitted, EVENT_JOB_SUBMITTED)
        self._scheduler.add_listener(self._missed, EVENT_JOB_MISSED)
        self._scheduler.add_listener(self._still_running, EVENT_JOB_MAX_INSTANCES)
        self._scheduler.start()
        self._guard = ClockGuard(self._clock, self._stepped, interval_s=look_every_s)
        self._guarding = asyncio.create_task(self._guard.run(), name="clock guard")

    def plan(
        self,
        name: str,
        weekly: WeeklyTime | None,
        action: Action,
        *,
        resource: str | None = None,
        since: datetime | None = None,
    ) -> None:
        """Plan `action`, or change the plan of that name; None plans nothing. The same again is no change.

        Plans with one `resource` (a service; else the plan's own name) never run at the same time.
        `since`, looked at when the name is new: the later of the plan's last recorded run and of its last
        change. Runs that were due between then and now are recorded as missed, in one result.
        """
        old = self._plans.get(name)
        plan = _Plan(weekly, action, resource or name)
        self._plans[name] = plan
        if old is None:
            self._note_missed(name, weekly, since)
        else:
            plan.due, plan.last = old.due, old.last
            if old.weekly == weekly:
                return
        due = due_after(weekly, self._clock.now(), self._zone, plan.due)
        if weekly is None or due is None:
            if self._scheduler.get_job(name):
                self._scheduler.remove_job(name)
            log.info("%s: not planned", name)
            return
        self._scheduler.add_job(
            self._run,
            DayMaskTrigger(weekly, self._zone),
            args=(name,),
            id=name,
            name=name,
            replace_existing=True,
            next_run_time=due,
        )
        log.info("%s: %s, next %s", name, weekly.words(), due.isoformat(timespec="minutes"))

    def forget(self, name: str) -> None:
        """There is no such plan any more; a run that is under way goes on."""
        if self._plans.pop(name, None) and self._scheduler.get_job(name):
            self._scheduler.remove_job(name)

    def replan(self, zone: ZoneInfo | None = None) -> None:
        """Make every plan anew: the clock was set, or local time now means `zone`.

        A run whose time has come already is not lost: it happens at once, or is recorded as missed.
        """
        self._zone = zone or self._zone
        now = self._clock.now()
        for name, plan in self._plans.items():
            job = self._scheduler.get_job(name)
            if job is None or plan.weekly is None:
                continue
            changes: dict[str, object] = {"trigger": DayMaskTrigger(plan.weekly, self._zone)}
            if job.next_run_time > now:
                changes["next_run_time"] = due_after(plan.weekly, now, self._zone, plan.due)
            job.modify(**changes)  # wakes the scheduler too, which runs or misses what is due

    def look_at_clock(self) -> None:
        """For whoever has just set the clock: the plans are made anew now, not at the guard's next look."""
        self._guard.look()

    def states(self) -> tuple[JobState, ...]:
        """Every plan, in the order in which they were first made."""
        return tuple(self._state(name, plan) for name, plan in self._plans.items())

    async def close(self) -> None:
        """Plan nothing more; runs under way are cancelled and recorded as failed."""
        self._scheduler.remove_all_jobs()
        for task in (self._guarding, *self._running):
            task.cancel()
        await asyncio.gather(self._guarding, *self._running, return_exceptions=True)
        await asyncio.gather(*self._telling, return_exceptions=True)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
            await asyncio.sleep(0)  # AsyncIOScheduler.shutdown only puts itself on the loop

    def _state(self, name: str, plan: _Plan) -> JobState:
        job = self._scheduler.get_job(name)
        last = plan.last
        return JobState(
            name=name,
            weekly=plan.weekly,
            next_run=job.next_run_time.astimezone(self._zone) if job else None,
            last_run=last.due if last else None,
            last_result=last.words() if last else None,
        )

    async def _run(self, name: str) -> None:
        plan = self._plans.get(name)
        if plan is None:  # forgotten just now
            return
        due = plan.due or self._clock.now()
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            async with self._turns[plan.resource]:
                await self._run_alone(name, plan, due)
        finally:
            self._running.discard(task)

    async def _run_alone(self, name: str, plan: _Plan, due: datetime) -> None:
        started = self._clock.now()
        if is_too_late(due, started):
            late = f"{plan.resource} was busy until {started.astimezone(self._zone):%H:%M:%S}"
            await self._record(RunResult(name, due, None, started, Outcome.MISSED, late))
            return
        log.info("%s: due at %s, starts", name, due.astimezone(self._zone).isoformat(timespec="minutes"))
        try:
            detail = await plan.action() or ""
        except asyncio.CancelledError:
            stopped = "stopped while it ran"
            await self._record(RunResult(name, due, started, self._clock.now(), Outcome.FAILED, stopped))
            raise
        except Exception as exc:  # whatever an action raises is its result; the plan goes on
            log.exception("%s: failed", name)
            detail = (str(exc) or type(exc).__name__)[:LONGEST_DETAIL]
            await self._record(RunResult(name, due, started, self._clock.now(), Outcome.FAILED, detail))
        else:
            await self._record(RunResult(name, due, started, self._clock.now(), Outcome.DONE, detail))

    async def _record(self, result: RunResult) -> None:
        due = result.due.astimezone(self._zone).isoformat(timespec="minutes")
        log.info("%s: due at %s, %s", result.name, due, result.words())
        plan = self._plans.get(result.name)
        if plan is not None:
            plan.last = result
        try:
            await self._on_result(result)
        except Exception:  # a store that is away must not stop the plans
            log.exception("%s: the result could not be kept", result.name)

    def _note_missed(self, name: str, weekly: WeeklyTime | None, since: datetime | None) -> None:
        now = self._clock.now()
        missed = missed_between(weekly, since, now, self._zone) if since is not None else None
        if missed is not None:
            self._tell(RunResult(name, missed.last, None, now, Outcome.MISSED, missed.words()))

    def _submitted(self, event: JobSubmissionEvent) -> None:
        # Comes after the task was made and before its first step.
        self._plans[event.job_id].due = event.scheduled_run_times[-1]

    def _missed(self, event: JobExecutionEvent) -> None:
        now = self._clock.now()
        late = now.astimezone(UTC) - event.scheduled_run_time.astimezone(UTC)
        detail = (
            f"noticed {late // timedelta(minutes=1)} minutes late; the clock was set or the machine slept"
        )
        self._tell(RunResult(event.job_id, event.scheduled_run_time, None, now, Outcome.MISSED, detail))

    def _still_running(self, event: JobSubmissionEvent) -> None:
        due = event.scheduled_run_times[-1]
        self._plans[event.job_id].due = due
        detail = "the run before this one is not finished"
        self._tell(RunResult(event.job_id, due, None, self._clock.now(), Outcome.SKIPPED, detail))

    def _stepped(self, _step: timedelta) -> None:
        self.replan()

    def _tell(self, result: RunResult) -> None:
        task = asyncio.create_task(self._record(result), name=f"result of {result.name}")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

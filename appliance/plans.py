"""Restarts planned by system variables: from their values to the scheduler, and from it to the services."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from appliance.services.ports import ServiceManager, Unit
from db.store import Store
from db.stores.jobs import JobRun
from scheduler.days import WeeklyTime, WeeklyTimeError, parse
from scheduler.jobs import JobState, RunResult
from scheduler.service import Action, Planner

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Planned:
    """A restart: its name, the variable that says when, the service."""

    name: str
    variable: str
    unit: Unit


PLANNED = (Planned("web restart", "gWebServerRestart", Unit.WEB),)
_VARIABLES = {planned.name: planned.variable for planned in PLANNED}


@dataclass(frozen=True, slots=True)
class Known:
    """What the store has of one plan: the variable's value, when it was changed last, its last run."""

    value: str
    changed: datetime | None
    last: JobRun | None


def known(store: Store, planned: Planned) -> Known:
    state = store.variables.get(planned.variable)
    runs = store.jobs.latest(1, planned.variable)
    changed = state.last_change.at if state.last_change else None
    return Known(state.value, changed, runs[0] if runs else None)


class Plans:
    """`planner` carries out; `follow` tells it what the variables say now."""

    def __init__(self, planner: Planner, services: ServiceManager) -> None:
        self._planner = planner
        self._services = services
        self._last: dict[str, JobRun] = {}

    def follow(self, planned: Planned, known: Known) -> None:
        """Plan as the variable says; a value that cannot be read plans nothing and is said."""
        try:
            weekly: WeeklyTime | None = parse(known.value)
        except WeeklyTimeError as exc:
            log.error("%s is not planned: %s: %s", planned.name, planned.variable, exc)
            weekly = None
        if known.last:
            self._last.setdefault(planned.name, known.last)
        times = [at for at in (known.changed, known.last.due if known.last else None) if at]
        self._planner.plan(
            planned.name,
            weekly,
            self._restart(planned.unit),
            resource=planned.unit,
            since=max(times, default=None),
        )

    def add(self, name: str, weekly: WeeklyTime | None, action: Action) -> None:
        """Plan what no variable plans. Runs that were missed are not told of."""
        self._planner.plan(name, weekly, action)

    def forget(self, name: str) -> None:
        """It is not planned any more, and not shown."""
        self._planner.forget(name)
        self._last.pop(name, None)

    def ran(self, run: JobRun | None) -> None:
        """For `states`: what the store knows of a run, or one that the planner has not carried out."""
        if run is not None:
            self._last[run.name] = run

    def states(self) -> list[dict[str, object]]:
        """For the status: as promised in the control socket's interface."""
        return [self._state(state) for state in self._planner.states()]

    def _state(self, state: JobState) -> dict[str, object]:
        before = self._last.get(state.name)
        if before and state.last_run and before.due > state.last_run:
            state = replace(state, last_run=None, last_result=None)
        last_run = state.last_run or (before.due if before else None)
        return {
            "name": state.name,
            "variable": _VARIABLES.get(state.name, ""),
            "next_run": state.next_run.isoformat() if state.next_run else None,
            "last_run": last_run.isoformat() if last_run else None,
            "last_result": state.last_result or (before.result if before else None),
        }

    def _restart(self, unit: Unit) -> Action:
        async def restart() -> str:
            began = time.monotonic()
            await self._services.restart(unit)
            return f"{unit} answers again after {time.monotonic() - began:.1f} s"

        return restart


def run_of(result: RunResult) -> JobRun:
    """A result as the store keeps it: a run that did not happen has no times."""
    finished = result.finished if result.started else None
    variable = _VARIABLES.get(result.name, "")
    return JobRun(result.name, variable, result.due, result.started, finished, result.words())


def keeper(record: Callable[[JobRun], Awaitable[None]]) -> Callable[[RunResult], Awaitable[None]]:
    """What the planner tells each result."""

    async def keep(result: RunResult) -> None:
        await record(run_of(result))

    return keep

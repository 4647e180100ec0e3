"""Planned restarts: from a variable's value to the service, and the result back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.plans import PLANNED, Known, Plans, keeper, known, run_of
from appliance.services.ports import Unit, UnitFailedError
from db.store import Store, prepare
from db.stores.jobs import JobRun
from db.variables.states import Actor
from scheduler.days import parse
from scheduler.jobs import Outcome, RunResult
from scheduler.service import Action, Planner
from tests.appliance.waiting import eventually
from tests.fakes.services import FakeServices

UTC_ZONE = ZoneInfo("UTC")
WEB = PLANNED[0]


@pytest.fixture
def kept() -> list[JobRun]:
    return []


@pytest.fixture
async def services() -> FakeServices:
    return FakeServices()


@pytest.fixture
async def planner(kept: list[JobRun]) -> AsyncIterator[Planner]:
    async def keep(run: JobRun) -> None:
        kept.append(run)

    planner = Planner(UTC_ZONE, keeper(keep))
    yield planner
    await planner.close()


async def test_a_variable_plans_the_restart_and_blank_takes_it_back(
    planner: Planner, services: FakeServices
) -> None:
    plans = Plans(planner, services)
    plans.follow(WEB, Known("127,02:00", None, None))
    (state,) = plans.states()
    assert state["name"] == "web restart"
    assert state["variable"] == "gWebServerRestart"
    assert datetime.fromisoformat(str(state["next_run"])).hour == 2
    plans.follow(WEB, Known("", None, None))
    (state,) = plans.states()
    assert state["next_run"] is None


async def test_a_value_that_cannot_be_read_plans_nothing_and_is_said(
    planner: Planner, services: FakeServices, caplog: pytest.LogCaptureFixture
) -> None:
    plans = Plans(planner, services)
    plans.follow(WEB, Known("nonsense", None, None))
    assert plans.states()[0]["next_run"] is None
    assert any("gWebServerRestart" in message for message in caplog.messages)


async def test_the_last_run_of_an_earlier_life_is_shown(planner: Planner, services: FakeServices) -> None:
    due = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    plans = Plans(planner, services)
    plans.follow(
        WEB, Known("", None, JobRun(WEB.name, WEB.variable, due, due, due, "done: web answers again"))
    )
    (state,) = plans.states()
    assert (state["last_run"], state["last_result"]) == (due.isoformat(), "done: web answers again")


class Told:
    """A planner that is told plans and runs them when a test says so."""

    def __init__(self) -> None:
        self.plans: dict[str, tuple[object, Action, str | None]] = {}

    def plan(
        self,
        name: str,
        weekly: object,
        action: Action,
        *,
        resource: str | None = None,
        since: datetime | None = None,
    ) -> None:
        self.plans[name] = (weekly, action, resource)


async def test_what_is_planned_restarts_the_service_and_says_how_long_it_took(services: FakeServices) -> None:
    await services.start(Unit.WEB)
    before = services.state(Unit.WEB)
    told = Told()
    Plans(told, services).follow(WEB, Known("1,02:00", None, None))  # type: ignore[arg-type]
    weekly, action, resource = told.plans["web restart"]
    assert (str(weekly), resource) == (str(parse("1,02:00")), "web")
    assert "web answers again after" in (await action() or "")
    assert services.state(Unit.WEB).pid != before.pid


async def test_a_service_that_does_not_come_back_fails_the_run(services: FakeServices) -> None:
    services.broken.add(Unit.WEB)
    told = Told()
    Plans(told, services).follow(WEB, Known("1,02:00", None, None))  # type: ignore[arg-type]
    with pytest.raises(UnitFailedError, match="web did not start: exit code 1"):
        await told.plans["web restart"][1]()


def test_a_run_that_did_not_happen_has_no_times() -> None:
    moment = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    missed = run_of(RunResult("web restart", moment, None, moment, Outcome.MISSED, "the system was off"))
    assert (missed.started, missed.finished, missed.variable) == (None, None, "gWebServerRestart")
    done = run_of(RunResult("web restart", moment, moment, moment, Outcome.DONE, "fine"))
    assert (done.started, done.finished, done.result) == (moment, moment, "done: fine")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/callisto.db"
    prepare(url)
    with Store.open(url) as store:
        yield store


async def test_runs_missed_while_the_system_was_off_are_recorded_once_it_is_on(
    store: Store, services: FakeServices
) -> None:
    """From the store's own values: the change, and no run since."""
    store.variables.set("gWebServerRestart", "127,02:00", Actor("admin", "", "cli"))
    found = known(store, WEB)
    assert found.value == "127,02:00"
    assert found.changed is not None
    off_for_days = found.changed + timedelta(days=3)

    class Later:
        def now(self) -> datetime:
            return off_for_days

        def monotonic(self) -> float:
            return asyncio.get_running_loop().time()

    async def keep(run: JobRun) -> None:
        store.jobs.record(run)

    planner = Planner(UTC_ZONE, keeper(keep), clock=Later())
    Plans(planner, services).follow(WEB, found)
    await eventually(lambda: store.jobs.latest(5))
    (run,) = store.jobs.latest(5)
    assert "missed" in run.result
    assert known(store, WEB).last == run
    assert services.asked == []
    await planner.close()

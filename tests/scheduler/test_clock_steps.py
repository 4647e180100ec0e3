"""The clock is set while plans stand: at the guard's own pace each is made anew within a second."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.clockguard import ClockGuard
from scheduler.days import next_run
from scheduler.jobs import Outcome, RunResult
from scheduler.service import Planner
from tests.scheduler.shifted import ShiftedClock
from tests.scheduler.test_service import DUE, TWO, ZURICH, until

ROOT = Path(__file__).parents[2]
WITHIN_S = 1.0
STEPS = [
    timedelta(seconds=2), timedelta(minutes=10), timedelta(hours=1), timedelta(days=30), timedelta(days=3650),
]  # fmt: skip


class Office:
    """A planner as the supervisor makes it, with one plan at two o'clock; it is noon."""

    def __init__(self, clock: ShiftedClock) -> None:
        self.clock = clock
        self.results: list[RunResult] = []
        clock.set(DUE + timedelta(hours=10))
        self.planner = Planner(ZURICH, self._keep, clock=clock)
        self.planner.plan("web restart", TWO, self._act)

    async def _keep(self, result: RunResult) -> None:
        self.results.append(result)

    async def _act(self) -> str:
        return "web answers again"

    @property
    def next_run(self) -> datetime | None:
        return self.planner.states()[0].next_run

    def is_due_right(self) -> bool:
        return self.next_run == next_run(TWO, self.clock.now(), ZURICH)


@pytest.fixture
async def office(clock: ShiftedClock) -> AsyncIterator[Office]:
    one = Office(clock)
    yield one
    await one.planner.close()


@pytest.mark.parametrize("step", STEPS, ids=str)
@pytest.mark.parametrize("back", [False, True], ids=["forward", "back"])
async def test_after_any_step_the_plan_is_made_anew_within_a_second(
    office: Office, step: timedelta, back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    anew = asyncio.Event()
    replan = office.planner.replan

    def noticed() -> None:
        replan()
        anew.set()

    monkeypatch.setattr(office.planner, "replan", noticed)
    office.clock.set(office.clock.now() + (-step if back else step))
    async with asyncio.timeout(WITHIN_S):
        await anew.wait()
    await until(office.is_due_right, WITHIN_S)


async def test_who_sets_the_clock_need_not_wait_for_the_guard(office: Office) -> None:
    office.clock.set(office.clock.now() - timedelta(days=3))
    office.planner.look_at_clock()
    assert office.is_due_right()


async def test_set_back_an_hour_the_run_is_not_an_hour_late(office: Office) -> None:
    """A minute before two the clock is set back to one, and comes to two again."""
    office.clock.set(DUE + timedelta(days=1, minutes=-1))
    office.planner.look_at_clock()
    office.clock.set(DUE + timedelta(days=1, hours=-1))
    office.planner.look_at_clock()
    assert office.next_run == DUE + timedelta(days=1)
    office.clock.set(DUE + timedelta(days=1, seconds=1))
    office.planner.look_at_clock()
    await until(lambda: office.results)
    assert [result.outcome for result in office.results] == [Outcome.DONE]


async def test_a_step_that_could_not_be_acted_on_does_not_hide_the_next(
    clock: ShiftedClock, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[timedelta] = []

    def act(step: timedelta) -> None:
        told.append(step)
        if len(told) == 1:
            raise OverflowError("no such date")

    guarding = asyncio.create_task(ClockGuard(clock, act, interval_s=0.005).run())
    clock.set(clock.now() + timedelta(hours=1))
    await until(lambda: len(told) == 1)
    clock.set(clock.now() - timedelta(hours=1))
    await until(lambda: len(told) == 2)
    assert "no such date" in caplog.text
    guarding.cancel()
    await asyncio.gather(guarding, return_exceptions=True)


def reads_the_wall_clock(node: ast.expr) -> bool:
    """`time.time()`, `time.time_ns()`, `datetime.now(…)`."""
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and ast.unparse(called) in {
        "time.time", "time.time_ns", "datetime.now",
    }  # fmt: skip


def test_no_duration_is_measured_by_the_wall_clock() -> None:
    """Whatever waits or measures subtracts `time.monotonic`, which no step touches."""
    assert reads_the_wall_clock(ast.parse("time.time()", mode="eval").body)
    for folder in ("appliance", "shell", "scheduler", "db", "firmware", "router"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_bytes())):
                if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
                    wall = reads_the_wall_clock(node.left) or reads_the_wall_clock(node.right)
                    assert not wall, f"{file.relative_to(ROOT)}:{node.lineno}"


async def test_a_run_under_way_when_the_clock_is_set_ends_once(clock: ShiftedClock) -> None:
    clock.set(DUE - timedelta(milliseconds=60))
    results: list[RunResult] = []
    started, finish = asyncio.Event(), asyncio.Event()

    async def act() -> str:
        started.set()
        await finish.wait()
        return "web answers again"

    async def keep(result: RunResult) -> None:
        results.append(result)

    planner = Planner(ZURICH, keep, clock=clock)
    planner.plan("web restart", TWO, act)
    await started.wait()
    clock.set(DUE.astimezone(UTC) + timedelta(hours=5))
    planner.look_at_clock()
    finish.set()
    await until(lambda: results)
    assert [result.words() for result in results] == ["done: web answers again"]
    assert planner.states()[0].next_run == DUE + timedelta(days=1)
    await planner.close()

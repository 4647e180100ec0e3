"""The planner on the real APScheduler: what runs, when, once, and what is said of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.days import EVERY_DAY, NEVER, Days, WeeklyTime
from scheduler.jobs import Outcome, RunResult
from scheduler.service import Planner
from scheduler.trigger import DayMaskTrigger
from tests.scheduler.shifted import ShiftedClock

ZURICH = ZoneInfo("Europe/Zurich")
TWO = WeeklyTime(EVERY_DAY, time(2))
DUE = datetime(2026, 6, 10, 2, 0, tzinfo=ZURICH)
SOON = timedelta(milliseconds=60)


class Office:
    """A planner with what it did: `ran` by action, `results` as handed over."""

    def __init__(self, clock: ShiftedClock) -> None:
        self.clock = clock
        self.ran: list[str] = []
        self.results: list[RunResult] = []
        self.planner = Planner(ZURICH, self.keep, clock=clock, look_every_s=0.005)

    async def keep(self, result: RunResult) -> None:
        self.results.append(result)

    def action(self, name: str) -> Callable[[], Awaitable[str]]:
        return recorded(name, self.ran)

    def outcomes(self) -> list[tuple[str, Outcome]]:
        return [(result.name, result.outcome) for result in self.results]

    def next_run(self, name: str) -> datetime | None:
        return next(state.next_run for state in self.planner.states() if state.name == name)


def recorded(name: str, ran: list[str]) -> Callable[[], Awaitable[str]]:
    async def act() -> str:
        ran.append(name)
        return f"{name} answers again"

    return act


async def until(condition: Callable[[], object], within_s: float = 10) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  # any condition, also one that nobody announces
            await asyncio.sleep(0.002)


async def a_few_looks(clock: ShiftedClock) -> None:
    """Let the guard look, and with it the scheduler do, whatever it would do wrong."""
    enough = clock.looks + 10
    await until(lambda: clock.looks >= enough)


@pytest.fixture
async def office(clock: ShiftedClock) -> AsyncIterator[Office]:
    clock.set(DUE - timedelta(hours=1))
    office = Office(clock)
    yield office
    await office.planner.close()


async def test_a_plan_runs_at_its_minute_and_says_how_it_went(office):
    office.clock.set(DUE - SOON)
    office.planner.plan("web restart", TWO, office.action("web"))
    await until(lambda: office.results)
    [result] = office.results
    assert result.words() == "done: web answers again"
    assert result.due == DUE
    assert result.started is not None
    assert timedelta(0) <= result.started - DUE < timedelta(seconds=5)
    [state] = office.planner.states()
    assert state.last_run == DUE
    assert state.last_result == "done: web answers again"
    assert state.next_run == DUE + timedelta(days=1)


async def test_a_failing_run_is_recorded_and_the_plan_goes_on(office):
    async def fails() -> str:
        raise ConnectionError("web does not answer")

    office.clock.set(DUE - SOON)
    office.planner.plan("web restart", TWO, fails)
    await until(lambda: office.results)
    assert office.results[0].words() == "failed: web does not answer"
    assert office.next_run("web restart") == DUE + timedelta(days=1)
    office.clock.set(DUE + timedelta(days=1) - SOON)
    await until(lambda: len(office.results) == 2)


async def test_a_result_that_cannot_be_kept_does_not_stop_the_plan(clock):
    kept = []

    async def broken(result: RunResult) -> None:
        kept.append(result)
        raise OSError("the store is away")

    clock.set(DUE - SOON)
    planner = Planner(ZURICH, broken, clock=clock, look_every_s=0.005)
    try:
        planner.plan("web restart", TWO, recorded("web", []))
        await until(lambda: kept)
        clock.set(DUE + timedelta(days=1) - SOON)
        await until(lambda: len(kept) == 2)
        assert planner.states()[0].last_result == "done: web answers again"
    finally:
        await planner.close()


async def test_blank_and_a_mask_of_zero_are_shown_and_never_run(office):
    office.planner.plan("web restart", None, office.action("web"))
    office.planner.plan("proxy restart", WeeklyTime(NEVER, time(2)), office.action("proxy"))
    assert [(state.name, state.next_run) for state in office.planner.states()] == [
        ("web restart", None),
        ("proxy restart", None),
    ]
    office.clock.set(DUE + timedelta(seconds=1))
    await a_few_looks(office.clock)
    assert office.results == []


async def test_a_changed_plan_takes_the_place_of_the_old_one(office):
    office.planner.plan("web restart", TWO, office.action("old"))
    office.planner.plan("web restart", WeeklyTime(EVERY_DAY, time(3)), office.action("new"))
    assert office.next_run("web restart") == DUE + timedelta(hours=1)
    office.clock.set(DUE + timedelta(seconds=1))
    await a_few_looks(office.clock)
    assert office.ran == []
    office.clock.set(DUE + timedelta(hours=1, seconds=1))
    await until(lambda: office.results)
    assert office.ran == ["new"]


async def test_a_plan_that_is_blanked_does_not_run_any_more(office):
    office.planner.plan("web restart", TWO, office.action("web"))
    office.planner.plan("web restart", None, office.action("web"))
    assert office.next_run("web restart") is None
    office.clock.set(DUE + timedelta(seconds=1))
    await a_few_looks(office.clock)
    assert office.ran == []


async def test_the_same_plan_again_does_not_lose_a_run_that_is_due(office):
    office.planner.plan("web restart", TWO, office.action("web"))
    office.clock.set(DUE + timedelta(seconds=1))
    office.planner.plan("web restart", TWO, office.action("web"))
    await until(lambda: office.results)
    assert office.ran == ["web"]


async def test_a_changed_plan_remembers_its_last_run(office):
    office.clock.set(DUE - SOON)
    office.planner.plan("web restart", TWO, office.action("web"))
    await until(lambda: office.results)
    office.planner.plan("web restart", TWO, office.action("web"))
    office.planner.plan("web restart", None, office.action("web"))
    [state] = office.planner.states()
    assert (state.last_run, state.last_result) == (DUE, "done: web answers again")


async def test_a_clock_set_forward_over_the_time_runs_it_once_at_once(office):
    office.planner.plan("web restart", TWO, office.action("web"))
    office.clock.set(DUE + timedelta(minutes=4))
    await until(lambda: office.results, within_s=5)
    await a_few_looks(office.clock)
    assert office.outcomes() == [("web restart", Outcome.DONE)]
    assert office.next_run("web restart") == DUE + timedelta(days=1)


async def test_a_clock_set_forward_too_far_leaves_a_missed_run_that_is_told(office):
    office.planner.plan("web restart", TWO, office.action("web"))
    office.clock.set(DUE + timedelta(hours=6))
    await until(lambda: office.results, within_s=5)
    await a_few_looks(office.clock)
    assert office.ran == []
    assert office.outcomes() == [("web restart", Outcome.MISSED)]
    assert office.results[0].due == DUE
    assert "360 minutes late" in office.results[0].detail
    assert office.next_run("web restart") == DUE + timedelta(days=1)


async def test_a_clock_set_forward_by_years_is_one_missed_run_and_no_heavy_counting(office):
    office.planner.plan("web restart", TWO, office.action("web"))
    later = DUE.replace(year=2126) + timedelta(hours=6)
    office.clock.set(later)
    await until(lambda: office.results, within_s=5)
    assert office.outcomes() == [("web restart", Outcome.MISSED)]
    assert office.results[0].due == DUE.replace(year=2126)
    assert office.next_run("web restart") == DUE.replace(year=2126) + timedelta(days=1)


async def test_a_clock_set_back_an_hour_makes_the_plan_anew(office):
    office.clock.set(DUE - SOON)
    office.planner.plan("web restart", TWO, office.action("web"))
    await until(lambda: len(office.results) == 1)
    office.clock.set(DUE - timedelta(hours=1))
    await until(lambda: office.next_run("web restart") == DUE)
    office.clock.set(DUE + timedelta(seconds=1))
    await until(lambda: len(office.results) == 2)


@pytest.mark.parametrize("jump_s", [-58, -30, -5])
async def test_a_clock_set_back_by_less_than_a_minute_runs_nothing_twice(office, jump_s):
    office.clock.set(DUE - SOON)
    office.planner.plan("web restart", TWO, office.action("web"))
    await until(lambda: office.results)
    office.clock.set(office.clock.now() + timedelta(seconds=jump_s))
    await a_few_looks(office.clock)
    assert office.next_run("web restart") == DUE + timedelta(days=1)
    office.clock.set(DUE + timedelta(seconds=1))
    await a_few_looks(office.clock)
    assert office.ran == ["web"]


@pytest.mark.parametrize("jump_s", [5, 30, 58])
async def test_a_clock_set_forward_by_less_than_a_minute_loses_nothing(office, jump_s):
    office.clock.set(DUE - timedelta(seconds=2))
    office.planner.plan("web restart", TWO, office.action("web"))
    office.clock.set(office.clock.now() + timedelta(seconds=jump_s))
    await until(lambda: office.results, within_s=5)
    await a_few_looks(office.clock)
    assert office.outcomes() == [("web restart", Outcome.DONE)]


async def test_another_zone_makes_every_plan_anew(office):
    office.planner.plan("web restart", TWO, office.action("web"))
    office.planner.plan("proxy restart", None, office.action("proxy"))
    tokyo = ZoneInfo("Asia/Tokyo")
    office.planner.replan(tokyo)
    assert office.next_run("web restart") == datetime(2026, 6, 11, 2, 0, tzinfo=tokyo)
    assert office.next_run("proxy restart") is None


async def test_two_plans_for_one_service_do_not_run_at_the_same_time(office):
    inside, most, gate = 0, 0, asyncio.Event()

    async def restart() -> str:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await gate.wait()
        inside -= 1
        return "web answers again"

    office.clock.set(DUE - SOON)
    office.planner.plan("web restart", TWO, restart, resource="web")
    office.planner.plan("web again", TWO, restart, resource="web")
    other = asyncio.Event()

    async def elsewhere() -> None:
        other.set()

    office.planner.plan("proxy restart", TWO, elsewhere, resource="proxy")
    await until(lambda: inside == 1 and other.is_set())
    await a_few_looks(office.clock)
    gate.set()
    await until(lambda: len(office.results) == 3)
    assert most == 1
    assert {outcome for _, outcome in office.outcomes()} == {Outcome.DONE}


async def test_a_run_that_waited_too_long_for_its_service_is_missed(office):
    entered, gate = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        entered.set()
        await gate.wait()

    office.clock.set(DUE - SOON)
    office.planner.plan("web restart", TWO, slow, resource="web")
    office.planner.plan("web again", TWO, slow, resource="web")
    await until(entered.is_set)
    await a_few_looks(office.clock)
    office.clock.set(DUE + timedelta(minutes=20))
    gate.set()
    await until(lambda: len(office.results) == 2)
    assert [result.outcome for result in office.results] == [Outcome.DONE, Outcome.MISSED]
    assert "web was busy until 02:20" in office.results[1].detail


async def test_a_run_that_is_still_going_on_is_not_started_again(office):
    gate = asyncio.Event()
    starts = 0

    async def slow() -> None:
        nonlocal starts
        starts += 1
        await gate.wait()

    office.clock.set(DUE - SOON)
    office.planner.plan("web restart", TWO, slow)
    await until(lambda: starts == 1)
    office.clock.set(DUE + timedelta(days=1, seconds=1))
    await until(lambda: office.results)
    assert office.outcomes() == [("web restart", Outcome.SKIPPED)]
    assert starts == 1
    gate.set()
    await until(lambda: len(office.results) == 2)


async def test_what_was_due_while_the_system_was_off_is_told_and_not_caught_up(office):
    office.clock.set(DUE + timedelta(minutes=1))
    since = DUE - timedelta(days=2, hours=1)
    office.planner.plan("web restart", TWO, office.action("web"), since=since)
    await until(lambda: office.results)
    await a_few_looks(office.clock)
    assert office.ran == []
    assert office.outcomes() == [("web restart", Outcome.MISSED)]
    assert "at 3 planned times" in office.results[0].detail
    assert office.planner.states()[0].last_run == DUE


async def test_nothing_is_told_as_missed_twice(office):
    office.clock.set(DUE + timedelta(minutes=1))
    for _ in range(3):
        office.planner.plan("web restart", TWO, office.action("web"), since=DUE - timedelta(hours=1))
    await a_few_looks(office.clock)
    assert len(office.results) == 1


async def test_closing_ends_a_run_under_way_and_tells_it(clock):
    clock.set(DUE - SOON)
    office = Office(clock)
    entered = asyncio.Event()

    async def endless() -> None:
        entered.set()
        await asyncio.Event().wait()

    office.planner.plan("web restart", TWO, endless)
    await until(entered.is_set)
    async with asyncio.timeout(5):
        await office.planner.close()
    assert office.outcomes() == [("web restart", Outcome.FAILED)]
    assert "stopped while it ran" in office.results[0].detail
    left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not [name for name in left if "clock guard" in name or "result of" in name]


async def test_closing_twice_is_closing(clock):
    office = Office(clock)
    await office.planner.close()
    await office.planner.close()


async def test_two_hours_that_look_alike_do_not_confuse_the_scheduler(clock):
    """Asked in the second 02:10 of an autumn Sunday, Monday's run is next, and nothing is due."""
    clock.set(datetime(2026, 10, 25, 1, 10, tzinfo=UTC))
    office = Office(clock)
    try:
        office.planner.plan("web restart", WeeklyTime(EVERY_DAY, time(2, 5)), office.action("web"))
        await a_few_looks(office.clock)
        assert office.next_run("web restart") == datetime(2026, 10, 26, 2, 5, tzinfo=ZURICH)
        assert office.results == []
    finally:
        await office.planner.close()


async def test_the_spring_night_is_an_hour_shorter_for_the_timer_too(clock):
    """At 01:59:59 the skipped 02:30 is a second away: at 03:00 summer time."""
    clock.set(datetime(2026, 3, 29, 1, 0, tzinfo=UTC) - SOON)
    office = Office(clock)
    try:
        office.planner.plan("web restart", WeeklyTime(EVERY_DAY, time(2, 30)), office.action("web"))
        await until(lambda: office.results)
        assert office.outcomes() == [("web restart", Outcome.DONE)]
        assert office.results[0].due == datetime(2026, 3, 29, 3, 0, tzinfo=ZURICH)
    finally:
        await office.planner.close()


async def test_a_run_passed_over_into_the_hour_that_comes_twice_is_noticed(clock):
    """02:30 is due; the clock is set to 02:10, but that of the second time, forty minutes later."""
    clock.set(datetime(2026, 10, 25, 0, 20, tzinfo=UTC))
    office = Office(clock)
    try:
        office.planner.plan("web restart", WeeklyTime(EVERY_DAY, time(2, 30)), office.action("web"))
        clock.set(datetime(2026, 10, 25, 1, 10, tzinfo=UTC))
        await until(lambda: office.results)
        assert office.outcomes() == [("web restart", Outcome.MISSED)]
    finally:
        await office.planner.close()


def test_the_trigger_is_the_day_mask():
    trigger = DayMaskTrigger(WeeklyTime(Days.SUNDAY, time(2, 30)), ZURICH)
    now = datetime(2026, 10, 24, 12, tzinfo=UTC)
    first = trigger.get_next_fire_time(None, now)
    assert first is not None
    assert first.astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert trigger.get_next_fire_time(first, first) == datetime(2026, 11, 1, 2, 30, tzinfo=ZURICH)
    assert str(trigger) == "Sunday at 02:30 (Europe/Zurich)"


def test_the_trigger_does_not_list_a_century():
    trigger = DayMaskTrigger(TWO, ZURICH)
    later = DUE.replace(year=2126)
    fired = trigger.get_next_fire_time(DUE, later)
    assert fired is not None
    assert later - timedelta(days=9) < fired <= later

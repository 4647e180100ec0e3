"""Checks run at once, each within its time, and what goes wrong with one hurts no other."""

from __future__ import annotations

import asyncio
import time

from appliance.checks.runner import Check, Runner
from appliance.checks.verdicts.finding import Finding
from shell.checks_ports import CheckResult

FINE = Finding("ok", "fine")


async def fine() -> Finding:
    return FINE


async def never() -> Finding:
    await asyncio.Event().wait()
    raise AssertionError


async def broken() -> Finding:
    raise ZeroDivisionError("by zero")


async def all_of(runner: Runner) -> dict[str, CheckResult]:
    return {result.name: result async for result in runner.run()}


async def test_a_check_that_hangs_or_breaks_fails_alone() -> None:
    checks = (Check("fine", fine), Check("hangs", never, 0.05), Check("breaks", broken))
    found = await all_of(Runner(checks))
    assert (found["fine"].state, found["fine"].found) == ("ok", "fine")
    assert found["hangs"].state == "fail"
    assert "0.05 s" in found["hangs"].found
    assert found["breaks"].state == "fail"
    assert "ZeroDivisionError: by zero" in found["breaks"].found
    assert found["hangs"].took_s >= 0.05


async def test_a_check_may_say_itself_what_it_means_that_it_was_slow() -> None:
    slow = Finding("skipped", "a large store")
    found = await all_of(Runner([Check("store", never, 0.01, slow)]))
    assert (found["store"].state, found["store"].found) == ("skipped", "a large store")


async def test_they_run_at_once() -> None:
    checks = [Check(f"{number}", never, 0.2) for number in range(30)]
    began = time.monotonic()
    assert len(await all_of(Runner(checks))) == 30
    assert time.monotonic() - began < 2


async def test_results_come_as_they_are_done() -> None:
    gate = asyncio.Event()

    async def waits() -> Finding:
        await gate.wait()
        return FINE

    results = Runner([Check("late", waits), Check("early", fine)]).run()
    assert (await anext(results)).name == "early"
    gate.set()
    assert [each.name async for each in results] == ["late"]


async def test_who_asks_during_a_run_joins_it_and_gets_all_of_it() -> None:
    looks = 0
    gate = asyncio.Event()

    async def counted() -> Finding:
        nonlocal looks
        looks += 1
        await gate.wait()
        return FINE

    runner = Runner([Check("early", fine), Check("counted", counted)])
    first = asyncio.create_task(all_of(runner))
    second = asyncio.create_task(all_of(runner))
    await asyncio.sleep(0)
    gate.set()
    assert await first == await second
    assert looks == 1
    await all_of(runner)
    assert looks == 2


async def test_who_stops_reading_stops_nothing() -> None:
    runner = Runner([Check("fine", fine), Check("hangs", never, 0.05)])
    results = runner.run()
    await anext(results)
    await results.aclose()
    run = runner.begin()
    await run.more_than(1)
    assert [each.name for each in run.results] == ["fine", "hangs"]


async def test_closing_ends_what_runs() -> None:
    runner = Runner([Check("hangs", never, 60)])
    run = runner.begin()
    await asyncio.sleep(0)
    await runner.close()
    assert run.done
    assert not run.results

"""What the shell relies on of the self test, on the fake and over the control socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.checks.runner import Check, Runner
from appliance.checks.verdicts.finding import Finding
from appliance.control.checks import ControlSelfTest, handlers
from appliance.control.client import ControlClient
from appliance.control.server import ControlServer
from shell.checks_ports import SelfTest
from shell.ports import SystemUnavailableError
from tests.fakes.self_test import RESULTS, FakeSelfTest


def checks() -> list[Check]:
    def look(finding: Finding):  # type: ignore[no-untyped-def]
        async def found() -> Finding:
            return finding

        return found

    return [Check(each.name, look(Finding(each.state, each.found, each.remedy))) for each in RESULTS]


@pytest.fixture(params=["fake", "runner", "control socket"])
async def port(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SelfTest]:
    runner = Runner(checks())
    match request.param:
        case "fake":
            yield FakeSelfTest()
        case "runner":
            yield runner
        case _:
            path = tmp_path / "control.sock"
            async with ControlServer(path, handlers(runner)), ControlClient(path) as control:
                yield ControlSelfTest(control)


async def test_all_checks_come_with_state_and_remedy(port: SelfTest) -> None:
    found = [result async for result in port.run()]
    assert {(each.name, each.state, each.found, each.remedy) for each in found} == {
        (each.name, each.state, each.found, each.remedy) for each in RESULTS
    }
    assert all(each.took_s >= 0 for each in found)


async def test_it_can_be_run_again(port: SelfTest) -> None:
    for _ in range(2):
        assert len([result async for result in port.run()]) == len(RESULTS)


async def test_two_may_run_it_at_once(port: SelfTest) -> None:
    async def all_of() -> int:
        return len([result async for result in port.run()])

    assert await asyncio.gather(all_of(), all_of()) == [len(RESULTS)] * 2


async def test_a_reader_that_leaves_hurts_nobody(port: SelfTest) -> None:
    results = port.run()
    await anext(results)
    await results.aclose()  # type: ignore[attr-defined]
    assert len([result async for result in port.run()]) == len(RESULTS)


async def test_a_supervisor_that_is_not_there_is_said(tmp_path: Path) -> None:
    async with ControlClient(tmp_path / "control.sock") as control:
        with pytest.raises(SystemUnavailableError):
            _ = [result async for result in ControlSelfTest(control).run()]

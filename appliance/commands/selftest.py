"""`callisto selftest`: the supervisor's checks, as they are done, or as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from appliance.commands.say import complain
from appliance.config import Config
from appliance.control.checks import ControlSelfTest
from appliance.control.client import ControlClient
from shell.checks_data import passed, report, summary
from shell.checks_ports import CheckResult
from shell.ports import SystemUnavailableError
from shell.safe import safe

PASSED, FAILED, NOTHING_RUNS = 0, 1, 3


def run(config: Config, *, as_json: bool) -> int:
    """0: no check has failed; 1: some have; 3: nothing runs on this state directory."""
    try:
        results = asyncio.run(_results(config, (lambda _: None) if as_json else _say))
    except SystemUnavailableError as exc:
        complain(
            f"no appliance answers: {exc}", "start one with callisto run; CALLISTO_STATE says where to look"
        )
        return NOTHING_RUNS
    print(json.dumps(report(results), ensure_ascii=False, indent=2) if as_json else f"\n{summary(results)}")
    return PASSED if passed(results) else FAILED


async def _results(config: Config, say: Callable[[CheckResult], None]) -> list[CheckResult]:
    results = []
    async with ControlClient(config.control_socket) as control:
        async for result in ControlSelfTest(control).run():
            results.append(result)
            say(result)
    return results


def _say(result: CheckResult) -> None:
    print(f"{result.state:<8} {safe(result.name):<18} {safe(result.found)}", flush=True)
    if result.remedy and result.state != "ok":
        print(f"{'':<28}-> {safe(result.remedy)}", flush=True)

"""Calls until the engine is full: the next one is refused in words that a PBX understands, none is lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from appliance.demo.local import HOST, free_port
from appliance.demo.phones import end
from tests import needs
from tests.journeys.conftest import Stage
from tests.journeys.office import AVAILABLE, BY_HAND
from tests.journeys.waiting import eventually
from tests.sip.peer import call, peer

CALLS_A_SECOND = 150
HOLDING = Path(__file__).parent / "scenarios" / "holding_caller.xml"


@pytest.mark.timeout(180)
def test_a_call_when_no_engine_slot_is_left_is_refused_with_the_time_to_try_again(own_stage: Stage) -> None:
    before = own_stage.appliance.service("router")
    calls = before["facts"]["capacity"] // 2
    filling_s = calls / CALLS_A_SECOND
    holding = hold(own_stage, calls, filling_s + 4)
    try:
        eventually(lambda: facts(own_stage)["refused_busy"] > 0, within_s=filling_s + 6)
        with peer() as caller:
            dialog = call(caller, own_stage.appliance.sip_port, BY_HAND)
            refused = caller.receive(503)
            dialog.acknowledge_refusal(refused)
        assert int(refused["Retry-After"]) > 0
        holding.wait(filling_s + 20)
    finally:
        end(holding)
    spare = max(1, before["facts"]["capacity"] // 64)
    assert facts(own_stage)["calls_total"] >= calls - spare, "the engine was far from full"
    eventually(lambda: facts(own_stage)["calls_now"] == 0)
    eventually(lambda: rings(own_stage), within_s=40)
    after = own_stage.appliance.service("router")
    assert (after["pid"], after["restarts"]) == (before["pid"], before["restarts"])


def hold(stage: Stage, calls: int, seconds: float) -> subprocess.Popen[bytes]:
    """That many callers, each of whom stays on the line for that long."""
    command = [needs.sipp(), f"{HOST}:{stage.appliance.sip_port}", "-sf", str(HOLDING), "-s", AVAILABLE]
    command += [
        "-i",
        HOST,
        "-p",
        str(free_port()),
        "-nostdin",
        "-l",
        "100000",
        "-d",
        str(int(seconds * 1000)),
    ]
    command += ["-m", str(calls), "-r", str(CALLS_A_SECOND)]
    return subprocess.Popen(command, cwd=stage.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def facts(stage: Stage) -> dict[str, int]:
    found: dict[str, int] = stage.appliance.service("router")["facts"]
    return found


def rings(stage: Stage) -> bool:
    """Whether there is room again: a call reaches the phone of hans, and is taken back."""
    with peer() as caller:
        dialog = call(caller, stage.appliance.sip_port, BY_HAND)
        try:
            offered = stage.hans.receive("INVITE", within=1)
        except AssertionError:
            return False
        stage.hans.respond(offered, 180)
        caller.receive(180)
        dialog.request("CANCEL")
        stage.hans.respond(stage.hans.receive("CANCEL"), 200)
        stage.hans.respond(offered, 487)
        return True

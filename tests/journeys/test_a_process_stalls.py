"""A process whose loop does nothing any more is replaced; a supervisor that was stopped blames nobody."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from appliance import heartbeat
from tests.journeys.conftest import Stage
from tests.journeys.test_the_router_is_killed import pids, takes_calls, whole_call
from tests.journeys.waiting import eventually

STALLED = "stalled for 5 s"


def last_exit(stage: Stage, name: str) -> object:
    found = stage.appliance.service(name) or {}
    return found.get("last_exit")


def test_a_stopped_router_is_replaced_and_answers_again_within_eight_seconds(own_stage: Stage) -> None:
    whole_call(own_stage, "0442220001")
    before = pids(own_stage)
    stalled_at = time.monotonic()
    os.kill(before["router"], signal.SIGSTOP)
    eventually(lambda: takes_calls(own_stage), within_s=15, every_s=0)
    assert time.monotonic() - stalled_at < 8.5
    eventually(own_stage.appliance.ready)
    after = pids(own_stage)
    assert after.pop("router") != before["router"]
    assert not Path(f"/proc/{before.pop('router')}").exists()
    assert after == before
    assert last_exit(own_stage, "router") == STALLED
    assert f"router: {STALLED}" in own_stage.appliance.log_end(100)
    whole_call(own_stage, "0442220002")


@pytest.mark.parametrize("name", ["web", "shell"])
def test_a_stopped_service_is_replaced_and_calls_do_not_notice(own_stage: Stage, name: str) -> None:
    before = pids(own_stage)
    os.kill(before[name], signal.SIGSTOP)
    eventually(lambda: last_exit(own_stage, name) == STALLED, within_s=15)
    whole_call(own_stage, "0442220001")
    eventually(own_stage.appliance.ready)
    after = pids(own_stage)
    assert after.pop(name) != before.pop(name)
    assert after == before


def test_a_supervisor_that_was_stopped_replaces_nobody(own_stage: Stage) -> None:
    before = pids(own_stage)
    os.kill(own_stage.appliance.pid, signal.SIGSTOP)
    stopped_at = time.monotonic()
    try:
        eventually(lambda: time.monotonic() - stopped_at > heartbeat.SILENCE + 1)
    finally:
        os.kill(own_stage.appliance.pid, signal.SIGCONT)
    looked_until = time.monotonic() + 3
    while time.monotonic() < looked_until:
        eventually(own_stage.appliance.ready)
        assert pids(own_stage) == before
        whole_call(own_stage, "0442220003")

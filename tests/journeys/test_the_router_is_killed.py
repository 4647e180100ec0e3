"""A crash of the router: the rest of the house does not notice, and calls are back within two seconds."""

from __future__ import annotations

import os
import signal
import time

from db.store import Store
from tests.journeys.conftest import Stage
from tests.journeys.office import BY_HAND, UNKNOWN
from tests.journeys.waiting import eventually
from tests.sip.peer import ANSWER, call, peer


def pids(stage: Stage) -> dict[str, int]:
    status = stage.appliance.status() or {}
    return {service["name"]: service["pid"] for service in status.get("services", [])}


def test_a_killed_router_is_back_within_two_seconds_and_keeps_its_records(own_stage: Stage) -> None:
    whole_call(own_stage, "0442220001")
    with peer() as talking:
        dialog = call(talking, own_stage.appliance.sip_port, BY_HAND, caller="<sip:0442220002@127.0.0.1>")
        own_stage.hans.respond(own_stage.hans.receive("INVITE"), 200, ANSWER)
        dialog.answered(talking.receive(200))
        before = pids(own_stage)
        killed_at = time.monotonic()
        os.kill(before["router"], signal.SIGKILL)
        eventually(lambda: takes_calls(own_stage), within_s=5, every_s=0)
        back_after = time.monotonic() - killed_at
    assert back_after < 2.0
    eventually(own_stage.appliance.ready)
    after = pids(own_stage)
    assert after.pop("router") != before.pop("router")
    assert after == before
    whole_call(own_stage, "0442220003")
    eventually(lambda: {"0442220001", "0442220003"} <= callers(own_stage))


def whole_call(stage: Stage, number: str) -> None:
    """Answered by hans, ended by the caller."""
    with peer() as caller:
        dialog = call(caller, stage.appliance.sip_port, BY_HAND, caller=f"<sip:{number}@127.0.0.1>")
        stage.hans.respond(stage.hans.receive("INVITE"), 200, ANSWER)
        dialog.answered(caller.receive(200))
        stage.hans.receive("ACK")
        dialog.request("BYE")
        caller.receive(200)
        stage.hans.respond(stage.hans.receive("BYE"), 200)


def takes_calls(stage: Stage) -> bool:
    """A number that nobody has is refused by the router, and by nobody else."""
    with peer() as caller:
        dialog = call(caller, stage.appliance.sip_port, UNKNOWN)
        try:
            refused = caller.receive(404, within=0.2)
        except (AssertionError, OSError):
            return False
        dialog.acknowledge_refusal(refused)
        return True


def callers(stage: Stage) -> set[str]:
    store = Store.open(f"sqlite:///{stage.appliance.state}/callisto.db")
    try:
        return {record.caller for record in store.calls.latest(50)}
    finally:
        store.close()

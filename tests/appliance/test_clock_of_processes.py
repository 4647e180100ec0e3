"""The clock in a running appliance: asked for over the socket, never set, and its server followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.control.client import ControlClient
from appliance.control.protocol import RefusedError
from appliance.demo.local import HOST, LocalAppliance
from db.store import Store
from db.variables.states import Actor
from tests import needs
from tests.appliance.waiting import until


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAppliance]:
    needs.pjsua2()
    # Not even asked for does it get the machine's.
    settings = {"CALLISTO_CLOCK": "timedated"}
    with LocalAppliance(tmp_path_factory.mktemp("clock"), settings=settings) as one:
        one.start()
        yield one


def request(one: LocalAppliance, name: str, **args: object) -> Any:
    async def ask() -> Any:
        async with ControlClient(one.control_socket) as control:
            return await control.request(name, within=30, **args)

    return asyncio.run(ask())


def test_an_appliance_of_a_test_cannot_set_the_clock_whatever_it_is_told(appliance: LocalAppliance) -> None:
    state = request(appliance, "clock")
    assert (state["settable"], state["sync"]) == (False, None)
    before = time.time() - time.monotonic()
    for name, args in (
        ("clock_set", {"at": "2030-01-01T00:00:00+00:00"}),
        ("clock_zone", {"zone": "Asia/Tokyo"}),
        ("clock_sync", {"on": False}),
    ):
        with pytest.raises(RefusedError, match="this machine's clock is not ours to set"):
            request(appliance, name, **args)
    assert abs(time.time() - time.monotonic() - before) < 60
    assert request(appliance, "clock")["zone"] == state["zone"]


def test_a_new_time_server_is_followed_and_asked(appliance: LocalAppliance) -> None:
    """Whether there is one on this machine's loopback does not matter."""
    with Store.open(f"sqlite:///{appliance.state}/callisto.db") as store:
        store.variables.set("gTimeServer", HOST, Actor("admin", "", "cli"))

    def told() -> bool:
        clock = (appliance.status() or {}).get("clock") or {}
        return clock.get("server") == HOST and (clock.get("check") or {}).get("server") == HOST

    until(told)
    assert f"time server {HOST}" in appliance.log.read_text()


def test_the_time_server_is_not_asked_at_the_start(tmp_path: Path) -> None:
    needs.pjsua2()
    with LocalAppliance(tmp_path / "quiet") as one:
        one.start()
        assert request(one, "clock")["check"] is None
        assert "time server" not in one.log.read_text()

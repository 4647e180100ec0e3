"""The store is damaged while the appliance runs, or at its start: it is repaired, and calls go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.demo.local import LocalAppliance
from appliance.demo.phones import call, end
from tests import needs
from tests.journeys.conftest import Stage
from tests.journeys.office import AVAILABLE
from tests.journeys.telnet_admin import TelnetAdmin
from tests.journeys.test_a_call_to_the_manager_number import record_of
from tests.journeys.waiting import eventually

Make = Callable[..., LocalAppliance]


def header_zeroed(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(100))


def truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 3 // 4 // 4096 * 4096)


def pages_zeroed(path: Path) -> None:
    with path.open("r+b") as file:
        for page in (3, 5, 9):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)


def folded(one: LocalAppliance) -> Path:
    """The store's file, the log in it: else the log alone would hold it all."""
    path = one.state / "callisto.db"
    one.stop()
    return path


@pytest.mark.parametrize("damage", [header_zeroed, truncated, pages_zeroed])
def test_a_running_appliance_is_repaired_over_telnet(appliance: Make, damage: Callable[[Path], None]) -> None:
    needs.pjsua2()
    one = appliance()
    one.start()
    folded(one)
    one.start()
    router = one.service("router")["pid"]
    with TelnetAdmin(one.telnet_port, 60) as admin:
        admin.login("admin+s", one.password)
        damage(one.state / "callisto.db")
        assert "The store is damaged." in admin.command("repair check")
        said = admin.command("repair start force")
        assert "repaired: " in said
        assert "as it was: " in said
        assert "sqlite" not in admin.command("show variables | count")
        assert "stamp" in admin.command("show repairs last | json")
    eventually(one.ready, 20)
    assert one.service("router")["pid"] == router
    assert one.service("router")["restarts"] == 0
    assert list(one.state.glob("callisto.db.damaged-*"))


def test_calls_go_on_while_the_store_is_repaired_and_are_in_the_new_one(own_stage: Stage) -> None:
    one = own_stage.appliance
    with TelnetAdmin(one.telnet_port, 60) as admin:
        admin.login("admin+s", one.password)
        header_zeroed(one.state / "callisto.db")
        numbers = [f"044111{number:04}" for number in range(3)]
        callers = [
            call(own_stage.folder, one.sip_port, AVAILABLE, number=number, name="Petra Muster")
            for number in numbers
        ]
        try:
            assert "repaired: " in admin.command("repair start force")
            assert [caller.wait(30) for caller in callers] == [0, 0, 0]
        finally:
            for caller in callers:
                end(caller)
    for number in numbers:
        assert record_of(own_stage, number).status in (200, 486)


def test_a_store_that_cannot_be_opened_at_the_start_is_repaired_by_who_was_known(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance()
    one.start()
    eventually((one.state / "admins.json").exists)
    header_zeroed(folded(one))
    one.launch()
    eventually(lambda: one.service("shell").get("state") == "ready", 30)
    eventually(lambda: one.service("router").get("state") == "ready", 30)
    with TelnetAdmin(one.telnet_port, 60) as admin:
        admin.login("admin+s", one.password)
        refused = admin.command("show variables")
        assert "is damaged" in refused
        assert "Repair Database" in refused
        assert "supervisor" in admin.command("show info")
        assert "repaired: " in admin.command("repair start force")
        assert admin.command("show variables | count").strip().splitlines()[-1].isdecimal()
    eventually(one.ready, 40)


def test_a_supervisor_killed_while_it_repairs_comes_back_with_web_and_a_store(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance()
    one.start()
    header_zeroed(folded(one))
    one.launch()
    eventually(lambda: one.service("shell").get("state") == "ready", 30)
    job = one.state / "repair" / "job.json"
    command = subprocess.Popen(
        one.command("repair", "--yes"), cwd=one.state, env=one.environment, stdout=subprocess.DEVNULL
    )
    try:
        eventually(job.exists, every_s=0.001)
        os.kill(one.pid, signal.SIGKILL)
        one.wait(10)
    finally:
        command.kill()
        command.wait()
    one.launch()
    eventually(lambda: one.service("shell").get("state") == "ready", 30)
    with TelnetAdmin(one.telnet_port, 60) as admin:
        admin.login("admin+s", one.password)
        said = admin.command("repair status")
        if "repaired: " not in said:
            assert "it was killed, and undone" in said
            assert "repaired: " in admin.command("repair start force")
    eventually(one.ready, 40)


def test_without_an_appliance_the_command_repairs(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance()
    one.start()
    path = folded(one)
    assert one.callisto("repair", "--check").returncode == 0
    header_zeroed(path)
    found = one.callisto("repair", "--check", "--json")
    assert found.returncode == 1
    assert json.loads(found.stdout)["verdict"] == "damaged"
    assert "instead: callisto repair --yes" in one.callisto("repair").stderr
    done = one.callisto("repair", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["whole"] is True
    assert one.callisto("repair", "--check").returncode == 0

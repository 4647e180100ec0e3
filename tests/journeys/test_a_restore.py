"""An administrator takes yesterday's state back while the appliance runs, and calls go on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress

import pytest

from appliance.demo.local import HOST, LocalAppliance
from appliance.demo.phones import call, end
from tests import needs
from tests.journeys.conftest import Stage
from tests.journeys.office import AVAILABLE
from tests.journeys.telnet_admin import PROMPT, TelnetAdmin
from tests.journeys.test_a_call_to_the_manager_number import record_of
from tests.journeys.waiting import eventually

Make = Callable[..., LocalAppliance]
SECRET = "Geheimnis: 4711 gruene Frösche"
CONFIRM = "Type restore to restore it, Enter to leave all as it is: "


def test_what_was_changed_since_the_backup_is_undone_by_a_restore(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance()
    one.start()
    router = one.service("router")["pid"]
    with TelnetAdmin(one.telnet_port, 90) as admin:
        admin.login("admin", one.password)
        admin.command("set gTimeServer ntp1.example.org")
        admin.type("backup")
        for question in ("Password of the backup, Enter for none: ", "Once more: "):
            admin.read_to(question)
            admin.type(SECRET)
        assert "is good (with a password)." in admin.read_to(PROMPT)
        admin.command("set gTimeServer ntp2.example.org")
        admin.type("restore start last")
        admin.read_to("Password of the backup, Enter for none: ")
        admin.type(SECRET)
        would = admin.read_to(CONFIRM)
        assert "system variables: 1 changes (gTimeServer)" in would
        assert "careful" not in would
        admin.type("restore")
        said = admin.read_to(PROMPT)
        assert "everything restored from callisto-" in said
        assert SECRET not in would + said
        assert "ntp1.example.org" in admin.command("show variables | match gTimeServer")
        assert "restored from" in admin.command("restore status")
        assert "restore" in admin.command("show audit")
    eventually(one.ready, 20)
    assert one.service("router")["pid"] == router
    assert one.service("router")["restarts"] == 0
    one.stop()
    for each in (one.log, *(each for each in one.state.rglob("*") if each.is_file())):
        if each.suffix != ".zip":
            assert SECRET.encode() not in each.read_bytes(), each


def test_calls_go_on_while_a_backup_is_restored_and_are_in_the_new_store(own_stage: Stage) -> None:
    one = own_stage.appliance
    with TelnetAdmin(one.telnet_port, 90) as admin:
        admin.login("admin+s", one.password)
        assert "is good" in admin.command("backup plain")
        numbers = [f"044222{number:04}" for number in range(3)]
        callers = [
            call(own_stage.folder, one.sip_port, AVAILABLE, number=number, name="Petra Muster")
            for number in numbers
        ]
        try:
            assert "everything restored from" in admin.command("restore start last plain force")
            assert [caller.wait(30) for caller in callers] == [0, 0, 0]
        finally:
            for caller in callers:
                end(caller)
    for number in numbers:
        assert record_of(own_stage, number).status in (200, 486)


def test_a_supervisor_killed_while_it_restores_comes_back_with_one_of_the_two_states(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance()
    one.start()
    with TelnetAdmin(one.telnet_port, 90) as admin:
        admin.login("admin+s", one.password)
        assert "is good" in admin.command("backup plain")
        admin.command("set gTimeServer ntp2.example.org")
    (archive,) = (one.state / "backups").glob("*.zip")
    job = one.state / "restore" / "job.json"
    command = subprocess.Popen(
        one.command("restore", archive.name, "--yes"), cwd=one.state, env=one.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        eventually(lambda: job.exists() and json.loads(job.read_text())["step"] != "READ", 30, every_s=0.001)
        os.kill(one.pid, signal.SIGKILL)
        one.wait(10)
    finally:
        command.kill()
        command.wait()
    one.launch()
    eventually(one.ready, 60)
    eventually(lambda: json.loads(job.read_text())["step"] in ("DONE", "UNDONE"), 60)
    with TelnetAdmin(one.telnet_port, 60) as admin:
        admin.login("admin+s", one.password)
        is_restored = json.loads(job.read_text())["step"] == "DONE"
        value = admin.command("show variables | match gTimeServer")
        assert ("ntp2.example.org" in value) is not is_restored
        assert "is good" in admin.command("backup plain")  # nothing holds anything any more


@pytest.mark.timeout(300)
def test_a_restored_state_that_does_not_answer_goes_again_by_itself(appliance: Make) -> None:
    """Another program takes the port of the web server while that is stopped."""
    needs.pjsua2()
    one = appliance()
    one.start()
    router = one.service("router")["pid"]
    job = one.state / "restore" / "job.json"

    def step() -> str:
        return str(json.loads(job.read_text())["step"]) if job.exists() else ""

    with TelnetAdmin(one.telnet_port, 120) as admin, socket.socket() as thief:
        admin.login("admin", one.password)
        admin.command("set gTimeServer ntp1.example.org")
        assert "is good" in admin.command("backup plain")
        admin.command("set gTimeServer ntp2.example.org")
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        def steal() -> bool:
            with suppress(OSError):
                thief.bind((HOST, one.web_port))
                thief.listen()
                return True
            return False

        admin.type("restore start last")
        admin.read_to("Password of the backup, Enter for none: ")
        admin.type("")
        admin.read_to(CONFIRM)
        admin.type("restore")
        eventually(steal, 60, every_s=0.001)
        said = admin.read_to(PROMPT)
        assert "web: no answer" in said
        assert "the former state is back" in said
        assert step() == "UNDONE"
        assert "ntp2.example.org" in admin.command("show variables | match gTimeServer")
        assert "did not do" in admin.command("show audit")
        thief.close()
        eventually(one.ready, 60)
        assert "the restored state did not do: " in admin.command("restore status")
        assert "is good" in admin.command("backup plain")  # nothing holds anything any more
    assert one.service("router")["pid"] == router
    assert one.service("router")["restarts"] == 0

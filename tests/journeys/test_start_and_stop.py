"""A start that cannot be: one line, exit code 2, nothing half-started. And the end: everything is gone."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.demo.local import HOST, LocalAppliance, tree
from db.store import Store
from tests import needs
from tests.journeys.conftest import Stage
from tests.journeys.office import BY_HAND
from tests.journeys.waiting import eventually
from tests.sip.peer import ANSWER, call, peer

Make = Callable[..., LocalAppliance]


def refused(appliance: LocalAppliance) -> str:
    """Run it; the one line that it says, the log apart, before it ends with 2."""
    done = appliance.callisto("run", within_s=20)
    said = (done.stdout + done.stderr).strip()
    assert done.returncode == 2, said
    *before, line = said.splitlines()
    assert line.startswith("callisto: "), said
    assert not [other for other in before if " INFO " not in other or "starting" in other], said
    return line


def test_a_corrupt_file_of_settings_is_named_with_its_line(appliance: Make, tmp_path: Path) -> None:
    file = tmp_path / "callisto.toml"
    file.write_text("telnet_port = 2323\nsip_port = = 5060\n")
    said = refused(appliance(CALLISTO_CONFIG=str(file)))
    assert f"{file}:2" in said


def test_a_value_that_makes_no_sense_names_its_setting(appliance: Make) -> None:
    assert "CALLISTO_SIP_PORT" in refused(appliance(CALLISTO_SIP_PORT="many"))


@pytest.mark.parametrize("setting", ["sip_port", "telnet_port", "web_port"])
def test_a_port_in_use_names_its_setting(appliance: Make, setting: str) -> None:
    needs.pjsua2()
    one = appliance()
    kind = socket.SOCK_DGRAM if setting == "sip_port" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((HOST, getattr(one, setting)))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        said = refused(one)
    assert setting in said.lower()
    assert str(getattr(one, setting)) in said


def test_a_store_of_a_newer_version_is_left_alone(appliance: Make) -> None:
    one = appliance()
    assert one.callisto("init").returncode == 0
    import pysqlite3

    file = one.state / "callisto.db"
    with pysqlite3.connect(str(file)) as store:
        store.execute("UPDATE alembic_version SET version_num = '9999'")
    before = file.read_bytes()
    said = refused(one)
    assert "newer" in said
    assert file.read_bytes() == before


def test_ctrl_c_ends_everything_within_five_seconds_and_frees_the_ports(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance()
    one.start()
    started = tree(one.pid)
    assert len(started) >= 4
    one.interrupt()
    assert one.wait(5) == 0
    eventually(lambda: not [pid for pid in started if alive(pid)], within_s=1)
    ports_are_free(one)


def test_ctrl_c_hangs_up_on_both_sides_and_keeps_the_record(own_stage: Stage) -> None:
    one, hans = own_stage.appliance, own_stage.hans
    with peer() as caller:
        dialog = call(caller, one.sip_port, BY_HAND, caller="<sip:0443330001@127.0.0.1>")
        hans.respond(hans.receive("INVITE"), 200, ANSWER)
        dialog.answered(caller.receive(200))
        hans.receive("ACK")
        one.interrupt()
        caller.respond(caller.receive("BYE"), 200)
        hans.respond(hans.receive("BYE"), 200)
    assert one.wait(5) == 0
    store = Store.open(f"sqlite:///{one.state}/callisto.db")
    try:
        assert [record.caller for record in store.calls.latest(5)] == ["0443330001"]
    finally:
        store.close()


def test_a_killed_supervisor_leaves_no_process_and_the_next_start_works(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance()
    one.start()
    started = tree(one.pid)
    os.kill(one.pid, signal.SIGKILL)
    one.wait(5)
    eventually(lambda: not [pid for pid in started if alive(pid)], within_s=5)
    ports_are_free(one)
    one.start()


def test_a_second_appliance_on_the_same_state_is_refused_and_the_first_runs_on(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance()
    one.start()
    started = tree(one.pid)
    said = refused(one)
    assert "state" in said
    assert str(one.state) in said
    assert one.ready()
    assert tree(one.pid) == started


def ports_are_free(one: LocalAppliance) -> None:
    for kind, port in (
        (socket.SOCK_DGRAM, one.sip_port),
        (socket.SOCK_STREAM, one.sip_port),
        (socket.SOCK_STREAM, one.telnet_port),
        (socket.SOCK_STREAM, one.web_port),
    ):
        with socket.socket(socket.AF_INET, kind) as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind((HOST, port))


def test_status_shows_a_program_what_runs_and_says_when_nothing_does(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance()
    assert one.callisto("status", "--json").returncode == 3
    one.start()
    done = one.callisto("status", "--json")
    assert done.returncode == 0
    services = {service["name"]: service["pid"] for service in json.loads(done.stdout)["services"]}
    assert set(services) == {"media", "router", "shell", "web"}
    assert set(services.values()) < set(tree(one.pid))


def alive(pid: int) -> bool:
    """A zombie is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

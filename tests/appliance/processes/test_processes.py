"""`callisto run` with its real processes: started, killed, starved, stopped. For calls see tests/journeys."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from appliance.control.protocol import RefusedError
from appliance.demo.local import LocalAppliance, tree
from tests.appliance.processes.running import Make, alive, all_gone, is_new, pids, request, store_of
from tests.appliance.waiting import until


def test_a_start_says_where_everything_is_and_gives_the_password_once(appliance: Make) -> None:
    one = appliance(CALLISTO_ADMIN_PASSWORD="")
    one.start()
    until(lambda: "Ctrl-C stops everything" in one.log.read_text())
    said = one.log.read_text()
    assert f"telnet 127.0.0.1 {one.telnet_port}" in said
    assert f"@127.0.0.1:{one.sip_port}" in said
    assert f"http://127.0.0.1:{one.web_port}/" in said
    password = said.split("admin, password ")[1].split()[0]
    with store_of(one) as store:
        assert store.accounts.verify("admin", password)
    one.stop()
    one.start()
    until(lambda: one.log.read_text().count("Ctrl-C stops everything") == 2)
    assert one.log.read_text().count(password) == 1
    assert one.log.read_text().count("password") == 1


def test_the_status_has_the_promised_shape(shared: LocalAppliance) -> None:
    one = shared
    found = one.status()
    assert found
    assert {"version", "edition", "started", "services", "jobs", "store", "spool", "host"} <= found.keys()
    assert "without being stopped" not in found["started_because"]
    assert [service["name"] for service in found["services"]] == ["media", "router", "shell", "web"]
    for service in found["services"]:
        assert service["state"] == "ready"
        assert alive(service["pid"])
        assert service["restarts"] >= 0
    media, router = (service["facts"] for service in found["services"][:2])
    assert media["capacity"] >= 4
    assert router["capacity"] >= 4
    assert router["groups"] == 2
    assert found["store"]["revision"] > 0
    assert found["spool"] == {"pending": 0}
    assert found["jobs"][0]["variable"] == "gWebServerRestart"
    assert one.callisto("status").returncode == 0


def test_services_that_look_at_passwords_give_back_what_that_takes(shared: LocalAppliance) -> None:
    """Else each thread that looks at one keeps the memory it needs for it."""
    limited = {
        name
        for name, pid in pids(shared).items()
        if b"MALLOC_ARENA_MAX=3" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    }
    assert limited == {"shell", "web"}


def test_a_killed_router_is_back_within_two_seconds_and_nobody_else_notices(shared: LocalAppliance) -> None:
    one = shared
    before = pids(one)
    killed_at = time.monotonic()
    os.kill(before["router"], signal.SIGKILL)
    until(lambda: is_new(one, before["router"]))
    assert time.monotonic() - killed_at < 2.0
    after = pids(one)
    assert {**after, "router": 0} == {**before, "router": 0}
    router = one.service("router")
    assert router["restarts"] >= 1
    assert router["last_exit"] == "killed by SIGKILL"


def test_a_killed_media_server_is_back_and_nobody_else_notices(shared: LocalAppliance) -> None:
    one = shared
    before = pids(one)
    os.kill(before["media"], signal.SIGKILL)
    until(lambda: is_new(one, before["media"], "media"))
    assert {**pids(one), "media": 0} == {**before, "media": 0}
    media = one.service("media")
    assert media["last_exit"] == "killed by SIGKILL"
    assert media["facts"]["capacity"] >= 4


def test_an_interrupt_ends_everything_within_five_seconds_with_exit_code_zero(appliance: Make) -> None:
    one = appliance()
    one.start()
    started = tree(one.pid)
    assert len(started) >= 4
    one.interrupt()
    assert one.wait(5) == 0
    assert all_gone(started)
    assert not one.control_socket.exists()


def test_a_stop_while_starting_leaves_nothing(appliance: Make) -> None:
    one = appliance()
    one.launch()
    until(lambda: len(tree(one.pid)) > 1)
    started = tree(one.pid)
    one.interrupt()
    assert one.wait(5) == 0
    assert all_gone(started)


def test_services_that_hang_are_killed_within_the_five_seconds(appliance: Make) -> None:
    """Stopped by SIGSTOP they hear nothing."""
    one = appliance()
    one.start()
    started = tree(one.pid)
    for pid in pids(one).values():
        os.kill(pid, signal.SIGSTOP)
    one.interrupt()
    assert one.wait(6) == 0
    assert all_gone(started)


def test_a_second_interrupt_kills_at_once(appliance: Make) -> None:
    one = appliance()
    one.start()
    started = tree(one.pid)
    for pid in pids(one).values():
        os.kill(pid, signal.SIGSTOP)
    one.interrupt()
    until(lambda: "SIGINT: stopping" in one.log.read_text())
    one.interrupt()
    assert one.wait(2) == 1
    until(lambda: all_gone(started))


def test_a_supervisor_that_is_killed_leaves_no_orphans_and_can_be_started_again(appliance: Make) -> None:
    one = appliance()
    one.start()
    started = tree(one.pid)
    os.kill(one.pid, signal.SIGKILL)
    one.wait(5)
    one.start()
    until(lambda: all_gone(started))
    assert one.ready()
    assert "after it had ended without being stopped" in (one.status() or {})["started_because"]


def test_a_second_appliance_on_the_same_state_is_refused_in_one_line(
    shared: LocalAppliance, tmp_path: Path
) -> None:
    one = shared
    with LocalAppliance(tmp_path / "b", settings={"CALLISTO_STATE": str(one.state)}) as two:
        done = two.callisto("run")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"in use by another appliance (pid {one.pid})" in done.stderr
    assert one.ready()


def test_a_port_in_use_is_one_line_and_nothing_is_half_started(appliance: Make) -> None:
    one = appliance()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", one.web_port))
        taken.listen()
        done = one.callisto("run")
    assert done.returncode == 2
    assert len((done.stdout + done.stderr).strip().splitlines()) == 1
    assert f"web_port: {one.web_port} is in use" in done.stderr
    assert not (one.state / "callisto.db").exists()


def test_a_service_whose_port_is_taken_meanwhile_is_tried_again_while_the_others_go_on(
    appliance: Make,
) -> None:
    one = appliance()
    one.start()
    before = pids(one)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        os.kill(before["web"], signal.SIGKILL)
        until(lambda: binds(taken, one.web_port))
        until(lambda: one.service("web")["last_exit"] == "exit code 1")
        assert one.service("router")["state"] == "ready"
    until(one.ready)
    assert pids(one)["router"] == before["router"]


def binds(sock: socket.socket, port: int) -> bool:
    try:
        sock.bind(("127.0.0.1", port))
        sock.listen()
    except OSError:
        return False
    return True


def test_a_restart_is_done_on_request_and_only_by_known_name(shared: LocalAppliance) -> None:
    one = shared
    before = pids(one)
    assert request(one, "restart", service="web", reason="a test")["service"] == "web"
    after = pids(one)
    assert after.pop("web") != before.pop("web")
    assert after == before
    with pytest.raises(RefusedError, match="there is no service 'kitchen'"):
        request(one, "restart", service="kitchen")


def test_nobody_else_can_speak_for_a_service(shared: LocalAppliance) -> None:
    one = shared
    for name in ("ready", "facts"):
        with pytest.raises(RefusedError, match="not the present process of router"):
            request(one, name, service="router", facts={"capacity": 9999})
    assert one.service("router")["facts"]["capacity"] != 9999


def test_a_lost_terminal_is_no_reason_to_stop(appliance: Make) -> None:
    """Nobody reads the log any more, and its pipe is full."""
    import subprocess

    one = appliance()
    reading, writing = os.pipe()
    process = subprocess.Popen(
        one.command("run"), env=one.environment, stdout=writing, stderr=writing, start_new_session=True
    )
    os.close(writing)
    try:
        until(one.ready, within=30)
        os.close(reading)
        router = one.service("router")["pid"]
        os.kill(router, signal.SIGKILL)
        until(lambda: is_new(one, router))
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(6) == 0
    finally:
        for pid in tree(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.wait()

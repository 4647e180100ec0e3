"""`callisto run` with its real processes: started, killed, starved, stopped. For calls see tests/journeys."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.control.client import ControlClient
from appliance.control.protocol import RefusedError
from appliance.demo.local import LocalAppliance, tree
from db.store import Store
from db.variables.states import Actor
from router.spool import Spool
from router.table import decode
from tests import needs
from tests.appliance.waiting import until

Make = Callable[..., LocalAppliance]

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture(scope="module")
def engine() -> None:
    needs.pjsua2()


@pytest.fixture(scope="module")
def shared(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAppliance]:
    """One that is ready, for tests that leave it ready."""
    with LocalAppliance(tmp_path_factory.mktemp("shared")) as one:
        one.start()
        yield one


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Make]:
    """Makes an appliance, not started yet."""
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(LocalAppliance(tmp_path / "a", settings=settings))


def pids(one: LocalAppliance) -> dict[str, int]:
    return {service["name"]: service["pid"] for service in (one.status() or {}).get("services", [])}


def alive(pid: int) -> bool:
    """A zombie is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_gone(started: list[int]) -> bool:
    return not any(alive(pid) for pid in started)


def request(one: LocalAppliance, name: str, **args: object) -> Any:
    async def ask() -> Any:
        async with ControlClient(one.control_socket) as control:
            return await control.request(name, within=30, **args)

    return asyncio.run(ask())


def store_of(one: LocalAppliance) -> Store:
    return Store.open(f"sqlite:///{one.state}/callisto.db")


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


def is_new(one: LocalAppliance, old: int, name: str = "router") -> bool:
    (service,) = (found for found in request(one, "status")["services"] if found["name"] == name)
    return bool(service["state"] == "ready" and service["pid"] != old)


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


def test_a_change_on_trial_is_undone_though_the_shell_was_killed(shared: LocalAppliance) -> None:
    with store_of(shared) as store:
        admin = Actor("admin", "192.0.2.7:4000", "telnet")
        change = store.variables.set("gWebTimeout", "3", admin, trial=timedelta(seconds=2))
        os.kill(pids(shared)["shell"], signal.SIGKILL)
        until(lambda: store.variables.get("gWebTimeout").value == "20")
        undone, *_ = store.variables.history()
        assert undone.undoes == change.id
        assert (undone.at - change.at).total_seconds() >= 1.9
    assert f"change {change.id} of gWebTimeout: nobody confirmed it: it is undone" in shared.log.read_text()
    until(shared.ready)


def test_a_change_on_trial_is_undone_by_the_next_start_when_everything_was_killed(appliance: Make) -> None:
    one = appliance()
    one.start()
    admin = Actor("admin", "192.0.2.7:4000", "telnet")
    with store_of(one) as store:
        change = store.variables.set("gWebTimeout", "2", admin, trial=timedelta(seconds=2))
        os.kill(one.pid, signal.SIGKILL)
        one.wait(5)
        assert [trial.change for trial in store.variables.waiting()] == [change]
        until(lambda: datetime.now(UTC) > change.at + timedelta(seconds=2))
        assert store.variables.get("gWebTimeout").value == "2"
        one.start()
        assert store.variables.get("gWebTimeout").value == "20"
        undone, *_ = store.variables.history()
        assert (undone.undoes, undone.actor) == (change.id, Actor("", "", "system"))
        assert [trial.change.id for trial in store.variables.untold("admin")] == [change.id]


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


def test_a_change_of_a_variable_reaches_the_router_and_the_plans(shared: LocalAppliance) -> None:
    one = shared
    with store_of(one) as store:
        before = store.revision()
        store.variables.set("gStripCallerID", "3", Actor("admin", "", "cli"))
        store.variables.set("gWebServerRestart", "127,02:00", Actor("admin", "", "cli"))
    until(lambda: one.service("router")["facts"]["revision"] > before)
    until(lambda: (one.status() or {"jobs": [{"next_run": None}]})["jobs"][0]["next_run"])
    assert decode((one.state / "routing.json").read_bytes()).settings.strip_caller_id == 3


def test_a_store_that_is_lost_stops_neither_calls_nor_the_supervisor_and_is_used_again(
    appliance: Make,
) -> None:
    one = appliance()
    one.start()
    router = pids(one)["router"]
    alter(one, "ALTER TABLE revision RENAME TO away")
    until(lambda: (one.status() or {"store": {}})["store"].get("error"))
    os.kill(router, signal.SIGKILL)
    until(lambda: is_new(one, router))
    assert one.service("router")["facts"]["groups"] == 2
    alter(one, "ALTER TABLE away RENAME TO revision")
    until(lambda: "error" not in (one.status() or {"store": {"error": ""}})["store"])
    until(lambda: "store: works again" in one.log.read_text())
    assert one.log.read_text().count("ERROR supervisor: store: ") == 1


def alter(one: LocalAppliance, statement: str) -> None:
    import pysqlite3

    with closing(pysqlite3.connect(str(one.state / "callisto.db"), timeout=10, isolation_level=None)) as raw:
        raw.execute(statement)


def test_a_start_without_the_store_routes_by_the_last_table(appliance: Make) -> None:
    one = appliance()
    one.start()
    one.stop()
    (one.state / "callisto.db").write_bytes(b"this is no database" * 1000)
    for rest in one.state.glob("callisto.db-*"):
        rest.unlink()
    one.launch()
    until(lambda: one.service("router").get("facts", {}).get("groups") == 2, within=20)
    found = one.status()
    assert found
    assert found["store"]["error"]
    one.interrupt()
    assert one.wait(6) == 0


def test_a_first_start_without_a_store_is_refused(appliance: Make) -> None:
    one = appliance(CALLISTO_STORE_URL="postgresql://nobody@127.0.0.1:9/callisto")
    done = one.callisto("run")
    assert done.returncode == 2
    assert done.stderr.count("store_url: ") == 1
    assert "Traceback" not in done.stderr


def test_call_records_are_stored_once_over_kills_of_the_supervisor(appliance: Make) -> None:
    one = appliance()
    one.state.mkdir(parents=True)
    moment = "2026-11-22T10:00:00+00:00"
    written = 0
    for _ in range(4):
        spool = Spool(one.state / "spool")
        for _ in range(300):
            spool.append({"id": f"call-{written}", "started": moment, "ended": moment})
            written += 1
        spool.close()
        one.launch()
        until((one.state / "callisto.db").exists)
        os.kill(one.pid, signal.SIGKILL)  # wherever it is just now
        one.wait(5)
    one.start()
    with store_of(one) as store:
        until(lambda: store.calls.count() == written)
    until(lambda: len(list((one.state / "spool").iterdir())) == 1)
    assert one.status()["spool"] == {"pending": 0}  # type: ignore[index]


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

"""What an administrator does before he asks for help: self test, system information, a bundle to fetch."""

from __future__ import annotations

import json
import signal
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.demo.local import HOST, LocalAppliance, free_port
from tests import json_schema, needs
from tests.appliance.web.office import key_of
from tests.journeys.telnet_admin import TelnetAdmin
from tests.journeys.waiting import eventually
from tests.sip.peer import peer

Make = Callable[..., LocalAppliance]
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/info.schema.json").read_text(encoding="utf-8"))
SECRETS = ("the-peers-password-4711", "somebody-elses-token-4712")


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets in the environment, as a careless administrator has them."""
    monkeypatch.setenv("DEPLOY_TOKEN", SECRETS[1])


@contextmanager
def logged_in(one: LocalAppliance) -> Iterator[TelnetAdmin]:
    """In an appliance that runs. Its time server is this machine, which has none: nobody outside is asked."""
    with TelnetAdmin(one.telnet_port) as admin:
        admin.login("admin+s", one.password)
        assert "gTimeServer is now 127.0.0.1" in admin.command("set gTimeServer 127.0.0.1")
        yield admin


def ask_nobody_outside(one: LocalAppliance) -> None:
    with logged_in(one):
        pass


def checks(one: LocalAppliance) -> tuple[int, dict[str, Any]]:
    done = one.callisto("selftest", "--json")
    found = json.loads(done.stdout)
    return done.returncode, {each["name"]: each for each in found["checks"]}


def test_health_asks_every_service_from_outside(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance()
    one.start()
    well = one.callisto("health", "--within", "10")
    assert well.returncode == 0, well.stdout
    assert [line.split() for line in well.stdout.splitlines()] == [
        [name, "answers"] for name in ("supervisor", "shell", "web", "router")
    ]
    one.stop()
    ill = one.callisto("health")
    assert ill.returncode == 1
    troubles = dict(line.split(None, 1) for line in ill.stdout.splitlines())
    assert set(troubles) == {"supervisor", "shell", "web", "router"}
    assert "answers" not in troubles.values()


def test_a_dead_pbx_is_found_with_a_remedy_and_a_living_one_passes(appliance: Make) -> None:
    needs.pjsua2()
    with peer() as pbx:
        address = f"{HOST}:{free_port()}"
        one = appliance(CALLISTO_PEERS=f"alive={HOST}:{pbx.port};ping_s=0,dead={address};ping_s=1")
        one.start()
        ask_nobody_outside(one)
        eventually(lambda: {each["name"]: each["state"] for each in state(one)["peers"]}["dead"] == "down")
        code, found = checks(one)
    assert found["PBX configured"]["found"] == "alive, dead"
    assert found["PBX reachable"]["state"] == "warn", found["PBX reachable"]
    assert "dead down" in found["PBX reachable"]["found"]
    assert found["PBX reachable"]["remedy"]
    for name in ("login page", "Telnet", "Telnet over TLS", "SIP", "store", "foreign keys", "services"):
        assert found[name]["state"] == "ok", found[name]
    assert code == int(any(each["state"] == "fail" for each in found.values()))


def state(one: LocalAppliance) -> dict[str, Any]:
    status = one.status()
    assert status is not None
    return status


def test_a_pbx_that_is_the_only_one_and_gone_fails_the_self_test(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance(CALLISTO_PEERS=f"dead={HOST}:{free_port()};ping_s=1")
    one.start()
    with logged_in(one) as admin:
        eventually(lambda: state(one)["peers"][0]["state"] == "down")
        said = admin.command("self test")
    assert "FAILED   PBX reachable" in said
    assert "1 failed" in said
    code, _ = checks(one)
    assert code == 1


def test_without_an_appliance_it_says_so(appliance: Make) -> None:
    one = appliance()
    for command in (("selftest",), ("selftest", "--json"), ("support",)):
        done = one.callisto(*command)
        assert done.returncode == 3
        assert "no appliance answers" in done.stderr


def test_the_information_for_programs_is_as_documented(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance()
    one.start()
    with logged_in(one) as admin:
        found = json.loads(admin.command("show info | json").partition("\n")[2])
        page = admin.command("show info")
    assert list(json_schema.problems(found, SCHEMA)) == []
    processes = {each["name"]: each for each in found["processes"]}
    assert set(processes) == {"supervisor", "media", "router", "shell", "web"}
    assert all(each["memory_mb"] > 0 and each["uptime_s"] >= 0 for each in processes.values())
    assert processes["supervisor"]["pid"] == one.pid
    assert found["last_changes"][0]["name"] == "gTimeServer"
    assert found["logged_in"][0]["user"] == "admin"
    assert found["store"]["size_mb"] > 0
    assert "supervisor  ready" in page


def test_a_bundle_is_made_over_telnet_and_fetched_by_the_browser_without_a_secret(
    appliance: Make, careless: None
) -> None:
    needs.pjsua2()
    one = appliance(
        CALLISTO_PEERS=f"pbx1={HOST}:{free_port()};user=callisto;ping_s=0",
        CALLISTO_PEER_PBX1_PASSWORD=SECRETS[0],
    )
    one.start()
    with logged_in(one) as admin:
        admin.command("trace mark " + SECRETS[0])
        said = admin.command("support bundle")
    name = next(word for word in said.replace(",", " ").split() if word.endswith(".zip"))
    with httpx.Client(base_url=f"http://{HOST}:{one.web_port}") as browser:
        assert browser.get(f"/files/support/{name}").status_code == 303
        fields = {"key": key_of(browser.get("/login")), "user": "admin", "password": one.password}
        assert browser.post("/login", data=fields).status_code == 303
        assert name in browser.get("/files").text
        answer = browser.get(f"/files/support/{name}")
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    with zipfile.ZipFile(BytesIO(answer.content)) as bundle:
        files = {each: bundle.read(each).decode() for each in bundle.namelist()}
    assert {"status.json", "info.json", "selftest.json", "log.txt", "audit.txt"} <= files.keys()
    assert "missing.txt" not in files
    assert list(json_schema.problems(json.loads(files["info.json"]), SCHEMA)) == []
    for secret in (*SECRETS, one.password):
        assert not [each for each, content in files.items() if secret in content]
    assert (one.state / "support" / name).stat().st_mode & 0o777 == 0o600


def test_the_command_line_makes_three_at_most(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance()
    one.start()
    ask_nobody_outside(one)
    paths = []
    for _ in range(4):
        done = one.callisto("support")
        assert done.returncode == 0, done.stderr
        paths.append(Path(done.stdout.strip()))
    assert sorted(path.name for path in (one.state / "support").iterdir()) == sorted(
        path.name for path in paths[1:]
    )


def test_ctrl_c_on_the_command_line_leaves_nothing_of_a_bundle(appliance: Make) -> None:
    needs.pjsua2()
    one = appliance()
    one.start()
    ask_nobody_outside(one)
    (one.state / "traces").mkdir(exist_ok=True)
    (one.state / "traces/20261122-120000-admin.jsonl").write_text('["x"]\n' * 3_000_000)
    folder = one.state / "support"
    command = subprocess.Popen(one.command("support"), cwd=one.state, env=one.environment)
    try:
        eventually(lambda: list(folder.glob("*.unfinished")))
        command.send_signal(signal.SIGINT)
        assert command.wait(10) == 1
    finally:
        command.kill()
        command.wait()
    eventually(lambda: list(folder.iterdir()) == [])

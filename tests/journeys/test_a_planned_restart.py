"""Journey 2: an admin plans a restart of the web service over Telnet, and it happens at that minute."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pexpect
import pytest

from scheduler.days import Days
from tests import needs
from tests.journeys.conftest import Stage
from tests.journeys.telnet_admin import TelnetAdmin
from tests.journeys.waiting import eventually

VARIABLE = "gWebServerRestart"


@contextmanager
def admin_of(stage: Stage) -> Iterator[TelnetAdmin]:
    with TelnetAdmin(stage.appliance.telnet_port) as admin:
        admin.login("admin", stage.appliance.password)
        yield admin


def coming_minute() -> datetime:
    """The next full minute that leaves ten seconds to plan it."""
    return (datetime.now().astimezone() + timedelta(seconds=70)).replace(second=0, microsecond=0)


@pytest.mark.timeout(180)
def test_the_web_service_restarts_at_the_minute_an_admin_has_set(stage: Stage) -> None:
    before = pids(stage)
    due = coming_minute()
    with admin_of(stage) as admin:
        said = admin.command(f"set {VARIABLE} {int(Days.of(due.date()))},{due:%H:%M}")
        assert f"{due:%A} at {due:%H:%M}" in said
        assert len(re.findall(rf"\d{{4}}-\d\d-\d\d|{due:%H:%M}", said)) >= 3
        eventually(lambda: stage.appliance.service("web").get("pid") not in (None, before["web"]), 90)
        seen = datetime.now().astimezone()
        assert due <= seen < due + timedelta(seconds=10)
        eventually(stage.appliance.ready)
        after = pids(stage)
        assert after.pop("web") != before.pop("web")
        assert after == before
        eventually(lambda: f"{due:%H:%M}" in admin.command("show jobs"))
        assert VARIABLE in admin.command(f"show history {VARIABLE}")
        assert "web" in admin.command("show info")
        undone = admin.command("undo")
        assert VARIABLE in undone
        assert "taken back" in admin.command(f"show history {VARIABLE}")
    log = stage.appliance.log.read_text()
    assert re.search(rf"{VARIABLE}|web restart", log)
    eventually(lambda: planned(stage) is None)


def test_a_real_telnet_client_shows_what_was_understood_and_takes_it_back(stage: Stage) -> None:
    needs.program("telnet", "inetutils-telnet")
    client = pexpect.spawn(
        "telnet",
        ["127.0.0.1", str(stage.appliance.telnet_port)],
        encoding="utf-8",
        timeout=20,
        dimensions=(24, 100),
    )
    try:
        client.logfile_read = sys.stdout
        client.expect_exact("Username: ")
        client.sendline("admin")
        client.expect_exact("Password: ")
        client.sendline(stage.appliance.password)
        client.expect("callisto#")
        client.sendline(f"set {VARIABLE} 9,02:00")
        client.expect("Sunday, Wednesday at 02:00")
        client.expect("02:00")
        client.expect("callisto#")
        client.sendline("undo")
        client.expect(VARIABLE)
        client.expect("callisto#")
        client.sendline("exit")
        client.expect(pexpect.EOF)
    finally:
        client.close(force=True)


def test_a_wrong_value_leaves_the_old_one_and_says_what_is_right(stage: Stage) -> None:
    with admin_of(stage) as admin:
        said = admin.command(f"set {VARIABLE} 128,25:00")
        assert "9,02:00" in said
        assert "blank" in admin.command(f"show variable {VARIABLE}")


def pids(stage: Stage) -> dict[str, int]:
    status = stage.appliance.status() or {}
    return {service["name"]: service["pid"] for service in status.get("services", [])}


def planned(stage: Stage) -> str | None:
    jobs = (stage.appliance.status() or {})["jobs"]
    return next((job["next_run"] for job in jobs if job["variable"] == VARIABLE), None)

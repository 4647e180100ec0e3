"""What somebody is told after the login."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from shell import greeting
from shell.sessions_ports import Visit
from shell.telnet.server import TelnetServer
from shell.term import plain
from tests.fakes.shell_ports import STATUS, FakeSystem, Office
from tests.fakes.variables import NOON
from tests.shell.telnet.client import REFUSES_ALL, connected, serving, terminal

ZURICH = ZoneInfo("Europe/Zurich")


def said(visit: Visit | None, status: dict[str, object] | None) -> str:
    return "\n".join(plain(line) for line in greeting.lines(visit, status, zone=ZURICH))


def test_the_last_visit_is_told_and_who_tried_since() -> None:
    text = said(Visit(NOON, "192.0.2.7:4000", 3), STATUS)
    assert "Last login 2026-11-24 13:00 from 192.0.2.7." in text
    assert "Since then a login with a name like yours failed 3 times." in text
    assert "failed" not in said(Visit(NOON, "192.0.2.7:4000", 0), STATUS)
    assert "Last login" not in said(None, STATUS)


def test_it_tells_since_when_and_why_the_appliance_runs_and_what_was_restarted() -> None:
    text = said(None, STATUS | {"started_because": "after an end out of order"})
    assert "The appliance runs since 2026-11-24 11:00 (after an end out of order)." in text
    assert "web was restarted 2 times since then: asked to restart." in text
    assert "Now:" not in text


def test_what_is_wrong_is_one_line() -> None:
    services = [{"name": "router", "state": "failed"}, {"name": "media", "state": "failed"}]
    *_, last = greeting.lines(None, STATUS | {"services": services}, zone=ZURICH, columns=60)
    assert plain(last) == "Now: router is failed; media is failed"
    assert "the supervisor does not answer" in said(None, None)


async def test_it_stands_below_the_menu_and_a_script_is_spared() -> None:
    office = Office(system=FakeSystem())
    async with serving(office) as server:
        assert b"Last login" not in await seen(server, "admin", REFUSES_ALL)
        for first in (terminal("xterm"), REFUSES_ALL):
            shown = await seen(server, "admin", first)
            assert shown.index(b"Exit") < shown.index(b"Last login 2026-11-24 13:00 from 127.0.0.1.")
        assert b"Last login" not in await seen(server, "admin+s", REFUSES_ALL)


async def seen(server: TelnetServer, user: str, first: bytes) -> bytes:
    async with connected(server, first) as client:
        return await client.log_in(user)

"""Sessions: listed, written to, put out, ended when idle or when the account behind them changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from db.errors import StoreUnavailableError
from shell.sessions_ports import SessionRefusedError
from shell.telnet.limits import Limits
from shell.telnet.server import TelnetServer
from shell.telnet.sessions import MESSAGES, Registry
from tests.fakes.shell_ports import FakeAccount, Office
from tests.fakes.variables import NOON
from tests.shell.telnet.client import (
    IAC,
    PROMPT,
    REFUSES_ALL,
    Client,
    connected,
    eventually,
    serving,
    terminal,
)

RICH = terminal("xterm-256color")


@asynccontextmanager
async def inside(
    server: TelnetServer, first: bytes = REFUSES_ALL, user: str = "admin", password: str = "secret"
) -> AsyncIterator[Client]:
    """At the prompt."""
    async with connected(server, first) as client:
        await client.log_in(user, password)
        yield client


async def listed(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(await client.command("show sessions | json"))
    return found


async def test_the_list_tells_who_from_where_how_and_what_he_does(server: TelnetServer) -> None:
    async with inside(server, RICH), inside(server, user="help+s", password="secret2") as script:
        await script.until(" ")
        first, second = await listed(script)
        assert (first["user"], first["front_end"], first["doing"]) == ("admin", "rich", "")
        assert (second["user"], second["front_end"], second["own"]) == ("help", "script", True)
        assert second["doing"] == "show sessions | json"
        assert second["roles"] == ["support"]
        assert first["address"].startswith("127.0.0.1:")
        assert first["encryption"] is None
        table = await script.command("show sessions")
        assert "2*" in table


async def test_ended_sessions_are_gone_from_the_list(server: TelnetServer) -> None:
    async with inside(server, user="admin+s") as script:
        await script.until(" ")
        async with inside(server), inside(server, RICH) as third:
            assert len(await listed(script)) == 3
            third.abort()
            await eventually(lambda: len(server.people.all()) == 2, "the aborted one is gone")
        await eventually(lambda: len(server.people.all()) == 1, "the closed one is gone")
        assert [each["session"] for each in await listed(script)] == [1]


async def test_a_message_is_shown_above_the_line_that_is_being_typed(
    server: TelnetServer, office: Office
) -> None:
    async with inside(server, RICH) as rich, inside(server) as line:
        await rich.send("show cl")
        await rich.until("cl")
        await line.until(" ")
        assert "Shown to session 1." in await line.command("message 1 calls at noon")
        await rich.until("Message from admin: ")
        await rich.until("calls at noon")
        await rich.until("callisto#")
        await rich.until("show cl")
        await rich.send("ock\r")
        await rich.until("Europe/Zurich" if office.clock.zone == "Europe/Zurich" else office.clock.zone)
    assert "show clock" in office.audit.said("command")


async def test_a_message_to_a_plain_line_waits_for_its_enter_or_comes_at_once_before_it(
    server: TelnetServer,
) -> None:
    async with inside(server) as one, inside(server) as other:
        await one.until(" ")
        await other.until(" ")
        await other.command("message 1 first")
        assert (await one.until(PROMPT)).endswith(b"\r\nMessage from admin: first\r\n" + PROMPT)
        await one.send("show clo")
        await one.until("show clo")
        await other.command("message all second")
        await other.command("show clock")
        await one.send("ck\r\n")
        assert (await one.until("second\r\n")).startswith(b"ck\r\nMessage from admin: second\r\n")
        await one.until(PROMPT)


async def test_a_message_reaches_who_reads_a_long_answer(server: TelnetServer) -> None:
    async with inside(server, RICH) as reader, inside(server) as other:
        await reader.send("help\r")
        await reader.until("more: Space")
        await other.until(" ")
        await other.command("message all mind the gap")
        await reader.until("mind the gap")
        await reader.until("more: Space")
        await reader.send("q")
        await reader.until("callisto#")


async def test_a_message_stays_above_a_screen_that_is_drawn_again_and_again(server: TelnetServer) -> None:
    async with inside(server, RICH) as watcher, inside(server) as other:
        await watcher.send("watch 1 show clock\r")
        await watcher.until("\x1b[H")
        await other.until(" ")
        await other.command("message all mind the gap")
        await watcher.until("mind the gap")
        await watcher.until("\x1b[H")
        assert b"mind the gap" in await watcher.until("\x1b[J")
        await watcher.send("q")
        await watcher.until("callisto#")


async def test_a_script_is_shown_no_message(server: TelnetServer) -> None:
    async with inside(server, user="admin+s") as script, inside(server) as other:
        await other.until(" ")
        assert "Not shown to session 1" in await other.command("message all hello")
        await script.until(" ")
        assert json.loads(await script.command("show sessions | json"))


@pytest.mark.parametrize("first", [RICH, REFUSES_ALL], ids=["rich", "line"])
async def test_a_message_cannot_steer_a_screen(server: TelnetServer, first: bytes) -> None:
    async with inside(server, first) as one, inside(server) as other:
        server.people.message(2, 1, "\x1b]0;pwned\x07\u202e\r\n% forged")
        shown = (await one.until("forged")).decode()
        assert "^[]0;pwned^G" in shown
        assert "\u202e" not in shown
        assert "\n% forged" not in shown
        await other.until(" ")


async def test_messages_are_counted_against_a_flood() -> None:
    people = Registry()
    admin = people.enter(FakeAccount("admin"), address="192.0.2.1:1", since=NOON)
    people.enter(FakeAccount("berta"), address="192.0.2.2:1", since=NOON)
    for _ in range(MESSAGES):
        people.message(admin.number, None, "x")
    with pytest.raises(SessionRefusedError, match="5 messages") as refusal:
        people.message(admin.number, None, "x")
    assert "the next one in" in refusal.value.hint


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("message 9 hello", "there is no session 9"),
        ("message x hello", "'x' is no number of a session"),
        ("message all hello", "nobody else is logged in"),
        ("message 1", "TEXT is missing"),
        ("disconnect 9", "there is no session 9"),
        ("disconnect 1", "that is your own session"),
        ("disconnect", "SESSION is missing"),
    ],
)
async def test_what_cannot_be_done_to_sessions_is_said(
    server: TelnetServer, command: str, answer: str
) -> None:
    async with inside(server) as client:
        await client.until(" ")
        assert answer in await client.command(command)


@pytest.mark.parametrize("first", [RICH, REFUSES_ALL], ids=["rich", "line"])
async def test_who_is_put_out_is_told_by_whom_and_why(
    server: TelnetServer, office: Office, first: bytes
) -> None:
    async with inside(server, first) as victim, inside(server) as admin:
        await victim.send("show var")
        await admin.until(" ")
        assert "Session 1 of admin" in await admin.command("disconnect 1 maintenance tonight")
        assert b"Disconnected by admin: maintenance tonight" in await victim.closed()
        assert [each["session"] for each in await listed(admin)] == [2]
    assert office.audit.said("logout")[0] == "disconnected by admin: maintenance tonight"
    assert "disconnect 1 maintenance tonight" in office.audit.said("command")


async def test_support_cannot_put_anybody_out(server: TelnetServer, office: Office) -> None:
    async with inside(server), inside(server, user="help", password="secret2") as support:
        await support.until(" ")
        assert "may read but not change" in await support.command("disconnect 1")
        assert len(server.people.all()) == 2
    assert office.audit.said("refused") == ["disconnect"]


async def test_who_reads_nothing_is_put_out_all_the_same(office: Office) -> None:
    limits = Limits(negotiation_s=0.1, farewell_s=0.3)
    async with serving(office, limits) as server, inside(server) as admin:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(REFUSES_ALL + b"admin+s\r\nsecret\r\n" + b"show variables | json\r\n" * 1000)
        await eventually(lambda: len(server.people.all()) == 2, "he is in")
        await admin.until(" ")
        await admin.command("disconnect 2")
        await eventually(lambda: len(server.people.all()) == 1, "he is out")
        writer.transport.abort()
        del reader


async def test_who_types_nothing_is_warned_before_he_is_logged_out(office: Office) -> None:
    async with serving(office, Limits(negotiation_s=0.1, idle_s=0.8)) as server:
        for first in (RICH, REFUSES_ALL):
            async with inside(server, first) as client:
                shown = await client.closed()
                assert shown.index(b"Nothing typed for long") < shown.index(b"% Nothing typed for")


async def test_with_an_idle_time_of_0_nobody_is_logged_out(office: Office) -> None:
    async with serving(office, Limits(negotiation_s=0.1, idle_s=0)) as server, inside(server):
        (session,) = server.people.sessions()
        assert session._timer is None


async def test_output_that_goes_on_by_itself_keeps_a_session_for_its_time(office: Office) -> None:
    async with serving(office, Limits(negotiation_s=0.1, idle_s=0.5)) as server, inside(server) as client:
        (session,) = server.people.sessions()
        with session.kept_alive(1.5):
            loop = asyncio.get_running_loop()
            begun = loop.time()
            await client.closed()
            assert 1.9 < loop.time() - begun < 4


async def test_telnets_keep_alives_are_no_keys(office: Office) -> None:
    async with serving(office, Limits(negotiation_s=0.1, idle_s=0.5)) as server, inside(server) as client:
        (session,) = server.people.sessions()
        before = session._typed_at
        await client.send((IAC + b"\xf1") * 10 + IAC + b"\xf6")
        await client.until("[Yes]")
        assert session._typed_at == before


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("password", "the password was changed"),
        ("role", "the role administrator was taken away"),
        ("account", "the account is gone"),
    ],
)
async def test_an_account_that_is_not_what_it_was_ends_its_sessions(
    server: TelnetServer, office: Office, what: str, told: str
) -> None:
    async with inside(server, RICH) as admin, inside(server, user="help", password="secret2"):
        await eventually(lambda: all(each.stamp for each in server.people.sessions()), "both are known")
        match what:
            case "password":
                office.login.passwords["admin"] = "another"
            case "role":
                office.login.accounts["admin"] = FakeAccount("admin", roles=frozenset({"support"}))
            case _:
                del office.login.passwords["admin"]
        office.standings.changed()
        assert f"% Logged out: {told}".encode() in await admin.closed(within=4)
        assert [each.user for each in server.people.all()] == ["help"]
    assert office.audit.said("logout")[0] == told


async def test_a_store_that_cannot_be_had_ends_no_session(server: TelnetServer, office: Office) -> None:
    async with inside(server) as client:
        await client.until(" ")
        office.standings.failure = StoreUnavailableError("gone")
        asked = office.standings.asked
        await eventually(lambda: office.standings.asked > asked + 1, "it was asked for twice")
        assert "gWebTimeout" in await client.command("show variables")

"""The live trace over Telnet: Ctrl-C is quick whatever comes, and no peer's text steers a screen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from shell.telnet.server import TelnetServer
from shell.trace.record import Record, Sip
from shell.trace_ports import Doing
from tests.fakes.shell_ports import Office
from tests.fakes.variables import NOON
from tests.shell.telnet.client import (
    LIMITS,
    PROMPT,
    REFUSES_ALL,
    Client,
    connected,
    eventually,
    serving,
    terminal,
)

RATE = 20_000
ENDS_WITHIN_S = 0.1
TEXT = "call 3f2a77c1: ring sip:301@192.0.2.17:5060, assistant 2 of 3 (manager away), a line of 130 chars"
FRONT_ENDS = [pytest.param(terminal("xterm-256color"), id="rich"), pytest.param(REFUSES_ALL, id="lines")]


def records(count: int, text: str = TEXT) -> list[Record]:
    return [Record(NOON.timestamp(), "router", "info", "call", f"{text} {n}") for n in range(count)]


@asynccontextmanager
async def flooded(office: Office) -> AsyncIterator[None]:
    """So many records a second."""

    async def flood() -> None:
        begun, sent = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - begun) * RATE) - sent
            for _ in range(0, due, 200):
                office.trace.put(*records(200))
            sent += max(0, due)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(flood())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def begin(client: Client, line: str = "trace") -> None:
    await client.log_in()
    await client.send(f"{line}\r\n")
    await client.until("ends")


@pytest.mark.parametrize("first", FRONT_ENDS)
async def test_ctrl_c_ends_a_flood_at_once(server: TelnetServer, office: Office, first: bytes) -> None:
    async with connected(server, first) as client, flooded(office):
        await begin(client)
        await client.until("a line of 130 chars")
        took = []
        for _ in range(5):
            await client.until("a line of 130 chars 199")
            pressed = time.monotonic()
            await client.send(b"\x03")
            await client.until("Trace ended: you ended it")
            took.append(time.monotonic() - pressed)
            await client.until(PROMPT)
            await client.send("trace\r\n")
            await client.until("ends")
    # The best of them: a machine that does other work too says little about ours.
    assert min(took) < ENDS_WITHIN_S, took


@pytest.mark.parametrize("first", FRONT_ENDS)
async def test_ctrl_c_of_a_client_that_reads_nothing_ends_the_trace_and_leaves_little_to_read(
    server: TelnetServer, office: Office, first: bytes
) -> None:
    async with connected(server, first) as client:
        await begin(client)
        [view] = office.trace._views
        async with flooded(office):
            await eventually(lambda: view.missed > 5000, "it waits for the client")
            pressed = time.monotonic()
            await client.send(b"\x03")
            await eventually(lambda: not office.trace._views, "the view is closed")
            took = time.monotonic() - pressed
        backlog = len(await client.until("Trace ended: you ended it"))
        await client.until(PROMPT)
    assert took < 5 * ENDS_WITHIN_S, took
    # What the kernels of both sides hold, which nobody can take back.
    assert backlog < 4_000_000, backlog
    assert b"lines missed: your connection is too slow" in client.seen or view.missed


async def test_the_backlog_of_a_live_view_is_small(server: TelnetServer, office: Office) -> None:
    async with connected(server, terminal("xterm")) as client:
        await begin(client)
        [protocol] = [each for each in server._server._protocols if each.authenticated]  # type: ignore[union-attr]
        [view] = office.trace._views
        async with flooded(office):
            await eventually(lambda: view.missed > 5000, "it waits for the client")
            assert protocol.write_backlog < 16_384


async def test_one_who_reads_nothing_takes_nothing_from_others(server: TelnetServer, office: Office) -> None:
    async with connected(server, REFUSES_ALL) as stalled, connected(server, REFUSES_ALL) as good:
        await begin(stalled)
        await begin(good, "trace level info")
        [slow, quick] = office.trace._views
        for _ in range(60):
            office.trace.put(*records(1000))
            await good.until("chars 999")
        assert slow.missed > 0
        assert quick.missed == 0


async def test_keys_are_heard_between_the_lines(server: TelnetServer, office: Office) -> None:
    async with connected(server, terminal("xterm")) as client:
        await begin(client)
        await client.send(" ")
        await client.until("paused")
        office.trace.put(*records(1, "while it pauses"))
        await client.send("mhere it hangs\r")
        await client.until("Mark: ")
        await eventually(lambda: "mark: here it hangs" in office.audit.said("trace"), "the mark is put")
        await client.send(" ")
        await client.until("while it pauses")
        await client.until("---- admin: here it hangs")
        await client.send("q")
        await client.until(PROMPT)


async def test_keys_that_come_in_one_piece_are_all_heard(server: TelnetServer, office: Office) -> None:
    async with connected(server, terminal("xterm")) as client:
        await begin(client)
        await client.send("  qshow jobs\r")
        await client.until("Trace ended")
        await client.until("show jobs")


async def test_a_client_that_vanishes_leaves_no_view_and_no_capture(
    server: TelnetServer, office: Office
) -> None:
    async with connected(server, terminal("xterm")) as client, flooded(office):
        await begin(client)
        await client.until("130 chars")
        client.abort()
        await eventually(lambda: not office.trace._views, "the view is closed")
    assert [capture.ended for capture in await office.trace.captures()] == [NOON]


@pytest.mark.parametrize("first", FRONT_ENDS)
async def test_what_peers_say_is_shown_and_never_sent(
    server: TelnetServer, office: Office, first: bytes
) -> None:
    evil = '"\x1b]0;pwned\x07\x9b31m\u202e" <sip:044@x>'
    raw = f"INVITE sip:300@x SIP/2.0\r\nFrom: {evil}\r\n\r\nv=0\r\n\x1b[2J"
    sip = Sip("in", "127.0.0.1:5060", "192.0.2.1:5060", "udp", evil, raw)
    async with connected(server, first) as client:
        await begin(client, "trace sip")
        office.trace.put(Record(NOON.timestamp(), "router", "info", "sip", evil, evil, (evil,), sip))
        await client.until("^[[2J")
        await client.send("q\r")
        await client.until("Trace ended")
        await client.send("show trace last\r")
        await client.until("^[[2J")
    text = client.seen.decode(errors="replace")
    assert "^[]0;pwned^G" in text
    assert not {"\x9b", "\u202e", "\x07"} & set(text)
    assert "\x1b]0" not in text


async def test_a_script_traces_for_a_while_and_goes_on(server: TelnetServer, office: Office) -> None:
    async with connected(server) as client:
        await client.until("Username: ")
        await client.send("admin+s\nsecret\ntrace for 5s")
        client.no_more()
        await client.until("Trace of everything")
        office.trace.put(*records(1, "seen by a script"))
        await client.until("seen by a script")
        [capture] = await office.trace.captures()
        office.trace.end(capture.name, "its 5 s are over")
        assert b"its 5 s are over" in await client.closed()


async def test_a_trace_that_runs_is_not_idle(office: Office) -> None:
    # Long enough that a busy machine logs in and begins the trace before it.
    idle_s = 3.0
    limits = replace(LIMITS, idle_s=idle_s)
    async with serving(office, limits) as server, connected(server, terminal("xterm")) as client:
        await begin(client)
        await eventually(lambda: server.people.all()[0].idle_s > 1.3 * idle_s, "his last key is older")
        office.trace.put(*records(1, "still there"))
        await client.until("still there")
        await client.send("q")
        await client.until(PROMPT)
        assert b"logged out" in await client.closed()


async def test_the_processes_are_drawn_over_themselves(server: TelnetServer, office: Office) -> None:
    async with connected(server, terminal("xterm")) as client:
        await client.log_in()
        await client.send("trace processes\r")
        await client.until("3 calls now")
        before = client.seen.count(b"\x1b[2J")
        office.trace.doing = (Doing("router", "ready", 2, ("4 calls now",)),)
        drawn = await client.until("4 calls now")
        assert b"\x1b[H" in drawn
        assert client.seen.count(b"\x1b[2J") == before
        await client.send("q")
        await client.until(PROMPT)


@pytest.mark.parametrize("first", FRONT_ENDS)
async def test_a_long_export_stops_at_ctrl_c_and_keeps_what_else_is_typed(
    server: TelnetServer, office: Office, first: bytes
) -> None:
    async with connected(server, first) as client:
        await begin(client)
        for _ in range(40):
            office.trace.put(*records(1500))
        await client.send("q\r")
        await client.until("Trace ended")
        await client.until(PROMPT)
        await client.send("trace export last json\r")
        await client.until('"process"')
        await client.send("\x03show jobs\r")
        await client.until("Stopped: there is more")
        await client.until("show jobs")
        await client.until(PROMPT)
    assert client.seen.count(b'"process"') < 40 * 1500

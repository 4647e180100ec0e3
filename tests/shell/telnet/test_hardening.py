"""The places where telnetlib3 5.0.1 trusts its peer, each held shut against the real server."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import zlib
from typing import Any

import pytest

from shell.telnet.protocol import AdminProtocol
from shell.telnet.server import TelnetServer
from tests.fakes.shell_ports import FakeAccount, Office
from tests.shell.telnet.client import (
    CHARSET,
    DO,
    DONT,
    IAC,
    LIMITS,
    MCCP2,
    MCCP3,
    MSDP,
    NEW_ENVIRON,
    PROMPT,
    REFUSES_ALL,
    WILL,
    WONT,
    connected,
    eventually,
    serving,
    sub,
    terminal,
)


@pytest.mark.parametrize(
    "payload",
    [
        b"\0\x01a\x02\x03x",
        b"\x01a\x02\x03x",
        b"\x01a\x02\x05\x04",
        b"\x01a\x02\x03\x01\x02\x03\x02",
        b"\x01",
        b"\x02\x05",
    ],
    ids=["table after a NUL", "table", "array", "nested", "name only", "value only"],
)
async def test_a_mud_table_of_ten_bytes_hangs_nobody(server: TelnetServer, payload: bytes) -> None:
    """By the clock: telnetlib3 swallows whatever is raised inside it, a test's own time limit too."""
    begun = time.monotonic()
    async with connected(server, IAC + WILL + MSDP + sub(MSDP, payload)) as client:
        assert PROMPT.strip() in await client.log_in()
    assert time.monotonic() - begun < 10


async def test_a_client_that_is_not_read_is_held_by_tcp_and_not_in_memory(
    server: TelnetServer, office: Office
) -> None:
    looked_at = asyncio.Event()

    async def verify(user: str, password: str) -> FakeAccount:
        await looked_at.wait()
        return FakeAccount("admin")

    office.login.verify = verify  # type: ignore[method-assign]
    async with connected(server, REFUSES_ALL) as client:
        await client.until("Username: ")
        await client.send("admin\r\nsecret\r\n")
        (protocol,) = protocols(server)
        flood = asyncio.create_task(client.send(b"x" * (32 << 20)))
        await eventually(lambda: bool(protocol.typed._paused), "reading is paused")
        assert len(protocol.typed._buffer) < 1 << 20
        assert not flood.done()
        flood.cancel()
        looked_at.set()
        client.abort()
    await eventually(lambda: not protocols(server), "the session has ended")


async def test_compression_is_refused_and_a_bomb_is_only_text(server: TelnetServer) -> None:
    async with connected(
        server, IAC + WILL + MCCP3 + IAC + DO + MCCP2 + sub(MCCP3, b"") + sub(MCCP2, b"")
    ) as client:
        await client.until(IAC + DONT + MCCP3)
        await client.until(IAC + WONT + MCCP2)
        bomb = (
            zlib.compress(b"\0" * (4 << 20)).replace(IAC, IAC + IAC).replace(b"\n", b"").replace(b"\r", b"")
        )
        await client.until("Username: ")
        await client.send(bomb + b"\x03")
        assert PROMPT.strip() in await client.log_in()


async def test_nothing_is_kept_of_ended_sessions(server: TelnetServer) -> None:
    for name in ("xterm", "dumb"):
        for _ in range(8):
            async with connected(server, terminal(name)) as client:
                await client.log_in()
                await client.send("exit\r")
                await client.closed()
    await eventually(lambda: not server._sessions and not protocols(server), "all sessions have ended")
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each).__mro__[1:2] == (AdminProtocol,)]


async def test_a_refused_connection_is_forgotten_too(office: Office) -> None:
    async with serving(office, type(LIMITS)(sessions=0)) as server:
        for _ in range(5):
            async with connected(server) as client:
                assert b"Too many sessions" in await client.closed()
        await eventually(lambda: not server._server.clients, "no connection is counted")  # type: ignore[union-attr]
        gc.collect()
        assert not [each for each in gc.get_objects() if type(each).__mro__[1:2] == (AdminProtocol,)]


async def test_a_writer_that_waits_wakes_when_the_client_vanishes(server: TelnetServer) -> None:
    """By a task of its own: nobody cancels it when the connection ends."""
    async with connected(server, REFUSES_ALL) as client:
        await client.until("Username: ")
        (protocol,) = protocols(server)
        protocol.pause_writing()
        waiting = asyncio.create_task(protocol.screen.drain())
        await asyncio.sleep(0)
        assert not waiting.done()
        client.abort()
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(waiting, 5)


async def test_the_session_ends_with_its_connection(server: TelnetServer, office: Office) -> None:
    async with connected(server, REFUSES_ALL) as client:
        await client.log_in()
        assert len(server._sessions) == 1
        client.abort()
    await eventually(lambda: not server._sessions, "the session's task has ended")
    await eventually(lambda: office.audit.said("logout") != [], "the logout is in the audit trail")


async def test_a_session_that_waits_for_something_else_ends_with_its_connection_too(
    server: TelnetServer, office: Office
) -> None:
    async def verify(user: str, password: str) -> FakeAccount:
        await asyncio.Event().wait()
        raise AssertionError

    office.login.verify = verify  # type: ignore[method-assign]
    async with connected(server, REFUSES_ALL) as client:
        await client.until("Username: ")
        await client.send("admin\r\nsecret\r\n")
        await eventually(lambda: bool(server._sessions), "the session runs")
        client.abort()
    await eventually(lambda: not server._sessions, "the session's task has ended")


async def test_a_session_that_fails_closes_its_connection_and_is_logged(
    server: TelnetServer, office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.login.failure = RuntimeError("a bug")
    async with connected(server, REFUSES_ALL) as client:
        await client.until("Username: ")
        await client.send("admin\r\nsecret\r\n")
        await client.closed()
    assert "a bug" in caplog.text
    assert "secret" not in caplog.text


async def test_a_closing_server_ends_its_sessions(office: Office) -> None:
    async with serving(office) as server, connected(server, REFUSES_ALL) as client:
        await client.log_in()
        await server.close()
        await client.closed()
        assert not server._sessions


@pytest.mark.parametrize("garbage", [b"\x80", b"\xc3\x28", b"\xf5\x80\x80", b"\xe2\x82"])
async def test_bytes_that_are_no_text_end_no_session(server: TelnetServer, garbage: bytes) -> None:
    async with connected(server, REFUSES_ALL) as client:
        await client.log_in()
        await client.until(" ")
        await client.send(garbage + b"\r\n")
        assert b"% there is no command" in await client.until(PROMPT)
        assert "gWebTimeout" in await client.command("show variables")


@pytest.mark.parametrize("lang", ["x.hex", "x.rot13", "x.base64", "x.undefined", "x.utf-16"])
async def test_the_client_does_not_choose_the_codec(server: TelnetServer, lang: str) -> None:
    environ = sub(NEW_ENVIRON, b"\0\0LANG\1" + lang.encode() + b"\0CHARSET\1bogus")
    first = IAC + WILL + NEW_ENVIRON + environ + IAC + WILL + CHARSET + sub(CHARSET, b"\2bogus")
    async with connected(server, REFUSES_ALL + first) as client:
        await client.log_in()
        await client.until(" ")
        assert "Callisto" in await client.command("show info")
        assert "·".encode() in client.seen


@pytest.mark.parametrize("name", ["xterm-256color", "dumb"])
async def test_the_login_is_plain_whatever_the_terminal(server: TelnetServer, name: str) -> None:
    async with connected(server, terminal(name)) as client:
        await client.until(b"\r\nUsername: ")
        await client.send("admin\r")
        assert (await client.until(b"Password: ")).endswith(b"admin\r\nPassword: ")
        assert b"\x1b" not in client.seen
        gc.collect()
        assert not [each for each in gc.get_objects() if type(each).__name__ == "PromptSession"]


def protocols(server: TelnetServer) -> list[Any]:
    """The live connections."""
    assert server._server is not None
    return list(server._server.clients)


@pytest.fixture(autouse=True)
def _no_noise(caplog: pytest.LogCaptureFixture) -> None:
    """The loop complains about tasks and futures that nobody looked after."""
    caplog.set_level(logging.WARNING)

"""What strangers send before they log in, in small: each is refused, and the next client is served."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress

import pytest

from shell.telnet.limits import Limits
from shell.telnet.server import TelnetServer
from shell.throttle import Policy
from tests.fakes.shell_ports import Office
from tests.shell.telnet.client import (
    AYT,
    DO,
    DONT,
    IAC,
    LINEMODE,
    NAWS,
    NEW_ENVIRON,
    PROMPT,
    REFUSES_ALL,
    SB,
    SE,
    STATUS,
    WILL,
    WONT,
    Client,
    connected,
    eventually,
    serving,
    sub,
    terminal,
)

OLD_PUTTY = IAC + WILL + NEW_ENVIRON
FLOODS = {
    "a variable of 100 KB": OLD_PUTTY + sub(NEW_ENVIRON, b"\0\0LANG\1" + b"x" * 100_000),
    "20,000 variables": OLD_PUTTY
    + sub(NEW_ENVIRON, b"\0" + b"".join(b"\0V%d\1x" % n for n in range(20_000))),
    "one subnegotiation without an end": IAC + SB + NAWS + b"x" * 100_000,
    "10,000 times DO 42": (IAC + DO + b"\x2a") * 10_000,
    "10,000 times WILL, WONT": (IAC + WILL + b"\x2a" + IAC + WONT + b"\x2a") * 10_000,
    "10,000 times DO, DONT ECHO": (IAC + DO + b"\1" + IAC + DONT + b"\1") * 10_000,
    "5,000 status requests": IAC + DO + STATUS + sub(STATUS, b"\1") * 5_000,
    "20,000 times are you there": (IAC + AYT) * 20_000,
    "SLC triplets (CVE-2026-32746)": IAC + WILL + LINEMODE + sub(LINEMODE, b"\3" + b"\1\2\3" * 10_000),
    "300,000 escaped 255": IAC * 600_000,
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_flood_of_telnet_commands_is_cut_off_soon(server: TelnetServer, flood: bytes) -> None:
    begun = time.process_time()
    async with connected(server) as client:
        with suppress(ConnectionError):
            await client.send(flood)
        await client.closed()
    assert time.process_time() - begun < 1.0
    assert len(client.seen) < 64 * 1024
    async with connected(server, REFUSES_ALL) as other:
        await other.log_in()


QUIET = {
    "NAWS of a wrong length": IAC + WILL + NAWS + sub(NAWS, b"5") + sub(NAWS, b"123456"),
    "NAWS that was not agreed": sub(NAWS, b"\0\x50\0\x18"),
    "an empty subnegotiation": IAC + SB + IAC + SE + IAC + SB + NAWS + IAC + SE,
    "a subnegotiation interrupted": IAC + SB + NAWS + b"\0\x50" + IAC + DO + b"\1" + IAC + SE,
    "TTYPE that is no ASCII": IAC + WILL + b"\x18" + sub(b"\x18", b"\0\x80\x81"),
    "TTYPE that asks": IAC + WILL + b"\x18" + sub(b"\x18", b"\1"),
    "NEW-ENVIRON that asks": OLD_PUTTY + sub(NEW_ENVIRON, b"\1\0USER"),
    "NEW-ENVIRON of escapes": OLD_PUTTY + sub(NEW_ENVIRON, b"\0\2\2\2\0\1\3\2"),
    "WILL ECHO, which only servers may": IAC + WILL + b"\1" + IAC + WONT + b"\6" + IAC + WILL + b"\6",
    "commands nobody knows": IAC + b"\x01" + IAC + b"\xee" + IAC + b"\xef" + IAC + b"\xf1",
    "a TLS handshake in the middle": IAC + WILL + NAWS + b"\x16\x03\x01",
}


@pytest.mark.parametrize("nonsense", QUIET.values(), ids=QUIET)
async def test_nonsense_before_the_login_does_no_harm(server: TelnetServer, nonsense: bytes) -> None:
    async with connected(server) as client:
        await client.send(nonsense + b"\x15\x03")
        assert PROMPT.strip() in await client.log_in()


async def test_status_and_linemode_are_refused(server: TelnetServer) -> None:
    async with connected(server, IAC + DO + STATUS + sub(STATUS, b"\1") + IAC + WILL + LINEMODE) as client:
        await client.until(IAC + WONT + STATUS)
        await client.until(IAC + DONT + LINEMODE)
        assert IAC + SB + STATUS not in client.seen


async def test_an_option_is_refused_once(server: TelnetServer) -> None:
    async with connected(server, (IAC + DO + b"\x2a") * 50) as client:
        await client.log_in()
        assert client.seen.count(IAC + WONT + b"\x2a") == 1


async def test_a_user_sent_as_an_option_logs_nobody_in(server: TelnetServer, office: Office) -> None:
    """CVE-2026-24061: inetutils' telnetd gave USER to login(1), which took `-f root` for an option."""
    environ = sub(NEW_ENVIRON, b"\0\0USER\1-f root\0LOGNAME\1root")
    async with connected(server, IAC + WILL + NEW_ENVIRON + environ) as client:
        await client.until("Username: ")
        await client.send("-f root\r\n")
        await client.until("Password: ")
        await client.send("\r\n")
        await client.until("% Login incorrect\r\n")
    assert office.login.asked == ["-f root"]


async def test_a_ninth_connection_from_one_address_is_told_why_it_is_not_let_in(server: TelnetServer) -> None:
    clients = [Client(*await asyncio.open_connection("127.0.0.1", server.port)) for _ in range(8)]
    for client in clients:
        await client.until("Username: ")
    async with connected(server) as ninth:
        assert await ninth.closed() == b"% Too many sessions from your address (the limit is 8).\r\n"
    await clients.pop().close()
    await eventually(lambda: server.facts()["sessions"] == 7, "one has left")
    async with connected(server, REFUSES_ALL) as tenth:
        await tenth.log_in()
    for client in clients:
        await client.close()


async def test_those_who_do_not_log_in_leave_room_for_those_who_do(office: Office) -> None:
    limits = Limits(negotiation_s=0.3, unauthenticated=2)
    async with serving(office, limits) as server, connected(server, REFUSES_ALL) as admin:
        await admin.log_in()
        async with connected(server) as first, connected(server) as second:
            await first.until("Username: ")
            await second.until("Username: ")
            async with connected(server) as third:
                assert b"Too many logins at the same time" in await third.closed()
        await eventually(lambda: server._door.unauthenticated == 0, "both have left")


async def test_the_total_of_sessions_is_limited(office: Office) -> None:
    async with serving(office, Limits(negotiation_s=0.3, sessions=1)) as server, connected(server) as first:
        await first.until("Username: ")
        async with connected(server) as second:
            assert b"% Too many sessions (the limit is 1)" in await second.closed()
        assert server.facts()["refused"] == 1


async def test_who_does_not_log_in_is_sent_away(office: Office) -> None:
    async with serving(office, Limits(negotiation_s=0.1, login_s=0.4)) as server, connected(server) as client:
        await client.until("Username: ")
        assert b"% Nobody logged in within" in await client.closed()


async def test_who_types_nothing_is_logged_out_and_keep_alives_do_not_count(office: Office) -> None:
    async with serving(office, Limits(negotiation_s=0.1, idle_s=0.6)) as server:
        for first in (REFUSES_ALL, terminal("xterm")):
            async with connected(server, first) as client:
                await client.log_in()
                alive = asyncio.create_task(_keep_alive(client))
                assert b"logged out" in await client.closed()
                alive.cancel()
    assert office.audit.said("logout") == ["idle", "idle"]


async def _keep_alive(client: Client) -> None:
    while True:
        await client.send(IAC + b"\xf1")
        await asyncio.sleep(0.05)


async def test_who_types_stays(office: Office) -> None:
    limits = Limits(negotiation_s=0.1, idle_s=1.0)
    async with serving(office, limits) as server, connected(server, REFUSES_ALL) as client:
        await client.log_in()
        begun = time.monotonic()
        while time.monotonic() - begun < 1.6:
            await client.until(" ")
            await client.send("\r\n")
            await client.until("callisto#")
            await asyncio.sleep(0.05)
        assert office.audit.said("logout") == []


async def test_who_reads_nothing_is_cut_off(office: Office) -> None:
    limits = Limits(negotiation_s=0.1, stall_s=0.5)
    async with serving(office, limits) as server:
        writer = await reads_nothing(server)
        writer.write(REFUSES_ALL + b"admin+s\r\nsecret\r\n" + b"show variables | json\r\n" * 1500)
        await eventually(lambda: office.audit.said("logout") != [], "the session has ended", 30)
        assert office.audit.said("logout") == ["nothing read for 0 s"]
        writer.transport.abort()


async def test_a_subnegotiation_that_grows_slowly_is_cut_off_too(office: Office) -> None:
    limits = Limits(negotiation_s=0.1, option_bytes_s=1 << 24)
    endless = IAC + SB + NAWS + b"x" * 100_000
    async with serving(office, limits) as server, connected(server, endless) as client:
        await client.closed()


async def test_a_screen_that_is_not_read_is_bounded(office: Office) -> None:
    """Keys that draw the prompt anew, and nobody takes what is drawn."""
    limits = Limits(negotiation_s=0.1, send_buffer=4096, write_buffer=16384)
    async with serving(office, limits) as server:
        writer = await reads_nothing(server)
        writer.write(terminal("xterm") + b"admin\rsecret\r")
        await eventually(lambda: server.facts()["rich"] == 1, "it has the rich front end")
        flood = asyncio.create_task(_type(writer, b"\x0c" * 512))
        await eventually(lambda: office.audit.said("logout") != [], "it is cut off", 30)
        flood.cancel()
        writer.transport.abort()
    assert office.audit.said("logout") == ["more than 16384 bytes of output not read"]


@pytest.mark.parametrize("first", [terminal("xterm"), REFUSES_ALL], ids=["rich", "lines"])
async def test_who_types_without_a_pause_keeps_nobody_waiting(server: TelnetServer, first: bytes) -> None:
    async with connected(server, first) as flooder, connected(server, REFUSES_ALL) as admin:
        await flooder.log_in()
        await admin.log_in()
        await admin.until(" ")
        await flooder.send(b"x\x0c" * 100_000)
        for _ in range(5):
            begun = time.monotonic()
            await admin.command("show variable gWebTimeout")
            assert time.monotonic() - begun < 2.0
        flooder.abort()


async def test_echo_that_is_not_read_is_bounded(office: Office) -> None:
    """Typing without reading: the echo fills the way back, then the server stops reading."""
    async with serving(office, Limits(negotiation_s=0.1, stall_s=0.5, login_s=20)) as server:
        writer = await reads_nothing(server)
        writer.write(REFUSES_ALL)
        flood = asyncio.create_task(_type(writer, b"abcdefg\x15" * 8192))
        await eventually(lambda: server.facts()["sessions"] == 0, "it is cut off", 30)
        flood.cancel()
        writer.transport.abort()


async def reads_nothing(server: TelnetServer) -> asyncio.StreamWriter:
    """A client with little room for what it does not read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.port))
    _, writer = await asyncio.open_connection(sock=sock, limit=64)
    return writer


async def _type(writer: asyncio.StreamWriter, keys: bytes) -> None:
    while True:
        writer.write(keys)
        await writer.drain()


async def test_guessing_is_slowed_by_address(office: Office) -> None:
    office.policy = Policy(exempt_loopback=False)
    async with serving(office) as server:
        verdicts = []
        for _ in range(2):
            async with connected(server, REFUSES_ALL) as client:
                for n in range(3):
                    await client.until("Username: ")
                    await client.send("admin\r\n")
                    await client.until("Password: ")
                    await client.send(f"guess{n}\r\n")
                    verdicts.append((await client.until("\r\n% ") + await client.until("\r\n")).strip())
                await client.closed()
    assert [b"incorrect" in each for each in verdicts] == [True, True, True, False, False, False]
    assert b"Too many failed logins from your address: try again in 1 s" in verdicts[-1]
    assert office.login.asked == ["admin"] * 3


async def test_guesses_made_at_once_do_not_all_pass_as_the_first(office: Office) -> None:
    office.policy = Policy(exempt_loopback=False)
    async with serving(office) as server:
        clients = [Client(*await asyncio.open_connection("127.0.0.1", server.port)) for _ in range(8)]
        for client in clients:
            await client.send(REFUSES_ALL + b"admin\r\nwrong\r\n")
        for client in clients:
            await client.until("\r\n% ")
            await client.close()
    assert len(office.login.asked) == 3

"""The real uvicorn on a real port: it serves, it ends, and nobody keeps it busy for nothing."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from appliance.web.connections import Limits
from appliance.web.server import WebServer, start
from tests import needs
from tests.appliance.web.office import Office, key_of

HOST = "127.0.0.1"
QUICK = Limits(connections=12, per_address=6, head_within_s=0.2, idle_s=1)


@pytest.fixture
async def server(office: Office) -> AsyncIterator[WebServer]:
    server = await start(office.app(), HOST, 0, QUICK)
    yield server
    await server.close()


async def answer_to(server: WebServer, *parts: bytes) -> bytes:
    """All that comes until the server closes; within five seconds."""
    reader, writer = await asyncio.open_connection(HOST, server.port)
    try:
        async with asyncio.timeout(5):
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_whole_visit_over_the_wire(server):
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{server.port}") as http:
        page = await http.get("/login")
        fields = {"key": key_of(page), "user": "admin", "password": "correct horse"}
        assert (await http.post("/login", data=fields)).status_code == 303
        assert "All is well" in (await http.get("/")).text
        key = key_of(await http.get("/"))
        assert (await http.post("/logout", data={"key": key})).status_code == 303
        assert (await http.get("/")).status_code == 303
        assert "server" not in page.headers


async def test_a_port_in_use_is_an_error_at_once(server, office):
    with pytest.raises(OSError, match="in use"):
        await start(office.app(), HOST, server.port)


async def test_it_listens_on_ipv6_too(office):
    try:
        server = await start(office.app(), "::1", 0)
    except OSError:
        needs.missing("no IPv6 on the loopback interface")
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"http://[::1]:{server.port}/healthz")).text == "ok\n"
    await server.close()


async def test_closing_frees_the_port_and_leaves_signals_alone(office):
    before = signal.getsignal(signal.SIGTERM)
    server = await start(office.app(), HOST, 0, QUICK)
    assert signal.getsignal(signal.SIGTERM) is before
    async with asyncio.timeout(5):
        await server.close()
        await server.wait_closed()
    with socket.create_server((HOST, server.port)):
        pass


async def test_closing_does_not_wait_for_a_slow_request(office):
    forever = asyncio.Event()

    async def hangs() -> dict[str, object]:
        await forever.wait()
        return {}

    office.status = hangs
    server = await start(office.app(), HOST, 0, Limits(finish_within_s=1))
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{server.port}") as http:
        page = await http.get("/login")
        await http.post("/login", data={"key": key_of(page), "user": "admin", "password": "correct horse"})
        visit = asyncio.create_task(http.get("/"))
        await asyncio.wait({visit}, timeout=0.05)
        async with asyncio.timeout(5):
            await server.close()
        await asyncio.gather(visit, return_exceptions=True)


async def drip(writer: asyncio.StreamWriter, reader: asyncio.StreamReader, drop: bytes) -> None:
    """Send a little, again and again, until the server has enough of it."""
    ended = asyncio.create_task(reader.read())
    async with asyncio.timeout(5):
        while not ended.done():
            writer.write(drop)
            await asyncio.wait({ended}, timeout=0.02)
    await asyncio.gather(ended, return_exceptions=True)
    writer.close()


async def test_a_head_that_comes_byte_by_byte_is_cut_off(server):
    reader, writer = await asyncio.open_connection(HOST, server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
    await drip(writer, reader, b"X: 1\r\n")


async def test_a_second_head_that_comes_byte_by_byte_is_cut_off(server):
    reader, writer = await asyncio.open_connection(HOST, server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(5):
        await reader.readuntil(b"ok\n")
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
    await drip(writer, reader, b"X: 1\r\n")


async def test_a_body_without_end_for_a_page_that_takes_none_is_cut_off(server):
    reader, writer = await asyncio.open_connection(HOST, server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
    await drip(writer, reader, b"x" * 1000)


async def test_a_connection_that_says_nothing_is_closed(server):
    assert await answer_to(server) == b""


async def test_a_connection_without_a_second_request_is_closed(server):
    assert b"200 OK" in await answer_to(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")


async def test_a_head_that_is_too_long_is_refused(server):
    text = await answer_to(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 70000)
    assert b" 400 " in text or text == b""


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00\x01\xfc\x03\x03", b"\0" * 1000, b"GET\r\n\r\n", b"INVITE sip:x SIP/2.0\r\n\r\n"],
)
async def test_garbage_is_refused_and_the_next_visitor_served(server, garbage):
    text = await answer_to(server, garbage)
    assert b" 200 " not in text
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"http://{HOST}:{server.port}/healthz")).text == "ok\n"


async def test_a_huge_body_is_refused_before_it_is_read(server):
    head = (
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 99999999\r\n\r\n"
    )
    assert b" 413 " in await answer_to(server, head)


async def test_one_address_does_not_get_all_connections(office):
    server = await start(office.app(), HOST, 0, Limits(per_address=6, head_within_s=60))
    held = [await asyncio.open_connection(HOST, server.port) for _ in range(6)]
    assert await answer_to(server) == b""
    other = await asyncio.open_connection(HOST, server.port, local_addr=("127.0.0.2", 0))
    for reader, writer in [held[0], other]:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            assert await reader.readuntil(b"ok\n")
    for _, writer in [*held, other]:
        writer.close()
    await server.close()


async def test_when_all_connections_are_taken_the_next_visitor_is_told(server):
    held = []
    for number in range(QUICK.connections):
        source = (f"127.0.0.{2 + number // 4}", 0)
        held.append(await asyncio.open_connection(HOST, server.port, local_addr=source))
    assert b" 503 " in await answer_to(
        server, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    for _, writer in held:
        writer.close()


async def test_an_upgrade_to_a_web_socket_is_not_taken(server):
    text = await answer_to(
        server,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )
    assert b" 101 " not in text

"""Knocking on doors: real sockets on the loopback, friendly ones and others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from appliance.checks import probes
from appliance.checks.probes import NoAnswerError

HOST = "127.0.0.1"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def door(serve: Serve) -> AsyncIterator[int]:
    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port


def web(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readline()) == b"GET /login HTTP/1.1\r\n"
        writer.write(answer)
        writer.close()

    return serve


@pytest.mark.parametrize(("listen", "knocked"), [("0.0.0.0", HOST), ("192.0.2.2", "192.0.2.2"), (HOST, HOST)])
def test_it_knocks_where_the_appliance_listens(listen: str, knocked: str) -> None:
    assert probes.own_address(listen) == knocked


async def test_the_login_page_is_read_with_its_form() -> None:
    body = b'HTTP/1.1 200 OK\r\n\r\n<input name="password">'
    async with door(web(body)) as port:
        page = await probes.login_page(HOST, port)
    assert (page.status, page.has_form) == (200, True)


async def test_another_page_has_no_form() -> None:
    async with door(web(b"HTTP/1.1 503 Gone\r\n\r\n")) as port:
        page = await probes.login_page("0.0.0.0", port)
    assert (page.status, page.has_form) == (503, False)


@pytest.mark.parametrize("answer", [b"", b"\xff\xfd\x18", b"HTTP/1.1 many\r\n", b"SSH-2.0-x\r\n"])
async def test_what_does_not_speak_http_is_said(answer: bytes) -> None:
    async with door(web(answer)) as port:
        with pytest.raises(NoAnswerError, match="does not speak HTTP"):
            await probes.login_page(HOST, port)


async def test_a_closed_port_is_said() -> None:
    port = closed_port()
    for probe in (probes.login_page, probes.telnet_greeting):
        with pytest.raises(NoAnswerError, match=f"TCP port {port}"):
            await probe(HOST, port)
    with pytest.raises(NoAnswerError, match=f"UDP port {port}"):
        async with asyncio.timeout(5):
            await probes.sip_options(HOST, port)


async def test_the_greeting_is_read_up_to_the_name_or_the_end() -> None:
    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\xff\xfd\x18Callisto\r\n")
        await writer.drain()
        writer.write(b"Username: ")
        await reader.read()
        writer.close()

    async def refuses(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"go away\r\n")
        writer.close()

    async with door(greets) as port:
        assert "Username: " in await probes.telnet_greeting(HOST, port)
    async with door(refuses) as port:
        assert await probes.telnet_greeting(HOST, port) == "go away\r\n"


class Router(asyncio.DatagramProtocol):
    """Answers with the lines given, the first `deaf` questions not at all."""

    def __init__(self, status: str, deaf: int = 0) -> None:
        self.status, self.deaf = status, deaf
        self.asked: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(data)
        if len(self.asked) <= self.deaf:
            return
        call_id = next(line for line in data.decode().split("\r\n") if line.startswith("Call-ID"))
        self.transport.sendto(b"SIP/2.0 200 of somebody else\r\nCall-ID: x\r\n\r\n", addr)
        self.transport.sendto(f"SIP/2.0 {self.status}\r\n{call_id}\r\n\r\n".encode(), addr)


@asynccontextmanager
async def router(status: str, deaf: int = 0) -> AsyncIterator[tuple[Router, int]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Router(status, deaf), local_addr=(HOST, 0)
    )
    try:
        yield protocol, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def test_options_are_answered_with_our_own_call_and_asked_again_when_lost() -> None:
    async with router("403 Forbidden", deaf=1) as (asked, port):
        assert await probes.sip_options(HOST, port) == "403 Forbidden"
    assert len(asked.asked) == 2
    assert asked.asked[0] == asked.asked[1]
    assert asked.asked[0].startswith(b"OPTIONS sip:127.0.0.1:")


def test_a_folder_is_written_and_left_clean(tmp_path: Path) -> None:
    assert probes.write_and_read_back(tmp_path) == ""
    assert not list(tmp_path.iterdir())
    assert "cannot be written" in probes.write_and_read_back(tmp_path / "nowhere")
    total, free = probes.inodes(tmp_path)
    assert total >= free >= 0

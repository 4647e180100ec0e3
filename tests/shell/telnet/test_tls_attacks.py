"""No harm from those who come to the port of TLS and do not shake hands."""

from __future__ import annotations

import asyncio
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.shell.telnet.client import (
    LIMITS,
    REFUSES_ALL,
    Client,
    connected,
    eventually,
)
from tests.shell.telnet.tls_house import HELLO, House, encrypted, house, nobody_shakes, stranger

QUICK = 0.1
"""Seconds in which everybody else's keys are echoed, whatever happens on the port of TLS."""


@pytest.mark.parametrize("first", [b"admin\r\n", b"\xff\xfd\x03", b"GET / HTTP/1.0\r\n\r\n", b""])
async def test_who_speaks_plainly_to_the_port_of_tls_is_told_so(
    pair: tuple[Path, Path], first: bytes
) -> None:
    async with house(pair, replace(LIMITS, handshake_s=0.5)) as here, stranger(here, first) as client:
        assert b"% This port speaks TLS" in await client.closed()
        await nobody_shakes(here)
        assert here.server.facts()["accepted"] == 0


@pytest.mark.parametrize(
    "first",
    [
        HELLO,
        b"\x16",
        b"\x16" + b"\xff" * 5000,
        b"\x16\x03\x01\x00\x00" * 50,
        bytes.fromhex("16 03 01 00 04 01 00 00 00"),
    ],
    ids=["half a hello", "one byte", "garbage", "empty records", "an empty hello"],
)
async def test_half_a_handshake_ends_in_time_and_is_no_session(
    pair: tuple[Path, Path], first: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(pair, replace(LIMITS, handshake_s=0.5)) as here, stranger(here, first) as client:
        await client.closed()
        await nobody_shakes(here)
        facts = here.server.facts()
        assert (facts["accepted"], facts["handshakes_failed"]) == (0, 1)
    assert not [each for each in caplog.records if each.levelname in {"ERROR", "CRITICAL"}]


async def test_slow_handshakes_of_one_address_leave_the_plain_door_quick(pair: tuple[Path, Path]) -> None:
    """One byte now and then: the time is counted from the first."""
    async with house(pair, replace(LIMITS, handshake_s=1.0)) as here:
        async with connected(here.server, REFUSES_ALL) as client:
            await client.log_in()
            await client.until(" ")
            slow = [asyncio.create_task(drip(here)) for _ in range(20)]
            await eventually(lambda: here.server.facts()["refused"] == 16, "four of twenty may try")
            assert await slowest_echo(client, until=lambda: all(task.done() for task in slow)) < QUICK
            await asyncio.gather(*slow)
        await nobody_shakes(here)


async def drip(where: House) -> None:
    with suppress(ConnectionError):
        async with stranger(where) as client:
            for byte in HELLO:
                await client.send(bytes([byte]))
                await asyncio.sleep(0.15)  # the slowness is the attack: well within `handshake_s` each


@pytest.mark.parametrize("kind", ["whole handshakes", "garbage", "nothing at all"])
async def test_a_flood_on_the_port_of_tls_leaves_the_plain_door_quick(
    pair: tuple[Path, Path], kind: str
) -> None:
    async with house(pair, replace(LIMITS, handshake_s=0.5)) as here:
        async with connected(here.server, REFUSES_ALL) as client:
            await client.log_in()
            await client.until(" ")
            flood = await asyncio.create_subprocess_exec(
                *("python3", "-c", FLOOD, str(here.server.tls_port), kind), stdin=subprocess.DEVNULL
            )
            ended = asyncio.create_task(flood.wait())
            assert await slowest_echo(client, until=ended.done) < QUICK
            await ended
        await nobody_shakes(here)
        async with encrypted(here) as client:
            await client.until("Username: ")


FLOOD = """
import socket, ssl, sys, time
port, kind = int(sys.argv[1]), sys.argv[2]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
kept, end = [], time.monotonic() + 2
while time.monotonic() < end:
    try:
        sock = socket.create_connection(("127.0.0.1", port), 1)
        if kind == "whole handshakes":
            context.wrap_socket(sock).close()
        elif kind == "garbage":
            sock.sendall(b"\\x16" + b"\\x00" * 1000)
            sock.close()
        else:
            kept = [*kept[-200:], sock]
    except OSError:
        pass
"""


async def slowest_echo(client: Client, until: Any) -> float:
    """The slowest but one in a hundred, while something else goes on."""
    took: list[float] = []
    while not until():
        begun = time.monotonic()
        await client.send("x")
        await client.until("x")
        took.append(time.monotonic() - begun)
        await asyncio.sleep(0.01)
        if len(took) % 50 == 0:
            await client.send("\x15")
    assert len(took) > 20
    return sorted(took)[-1 - len(took) // 100]


async def test_a_server_that_closes_ends_handshakes_too(pair: tuple[Path, Path]) -> None:
    async with house(pair) as here, stranger(here, HELLO) as client:
        await eventually(lambda: bool(here.door._handshakes), "it has begun")
        await here.server.close()
        await client.closed()
        assert not here.door._handshakes

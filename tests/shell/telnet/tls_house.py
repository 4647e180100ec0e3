"""The shell behind both doors, and who knocks at that of TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.making_certificates import make
from shell.telnet.limits import Limits
from shell.telnet.networks import Networks
from shell.telnet.server import TelnetServer, start
from shell.telnet.tls import Tls, server_context
from tests.fakes.shell_ports import Office
from tests.shell.telnet.client import (
    LIMITS,
    Client,
    eventually,
)

HELLO = bytes.fromhex("16 03 01 02 00 01 00 01 fc 03 03")
"""How a ClientHello begins; the rest never comes."""


@dataclass
class House:
    """A server with both doors. `context` may be replaced."""

    office: Office
    certificate: Path
    key: Path
    context: ssl.SSLContext
    server: TelnetServer

    @property
    def door(self) -> Any:
        return self.server._door


def made(folder: Path) -> tuple[Path, Path]:
    crt, key = folder / "telnet.crt", folder / "telnet.key"
    make(crt, key, names=("callisto",), addresses=("127.0.0.1",), now=datetime.now(UTC), days=2)
    return crt, key


@asynccontextmanager
async def house(
    pair: tuple[Path, Path],
    limits: Limits = LIMITS,
    networks: Networks | None = None,
    *,
    plain: bool = True,
    banner: str = "",
) -> AsyncIterator[House]:
    office, contexts = Office(), [server_context(*pair)]
    server = await start(
        "127.0.0.1",
        0 if plain else None,
        office.services(),
        limits,
        tls=Tls(0, lambda: found.context, lambda: {"tls_fingerprint": "AB:CD"}),
        networks=networks,
        banner=banner,
    )
    found = House(office, *pair, contexts[0], server)
    try:
        yield found
    finally:
        await server.close()


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


@asynccontextmanager
async def encrypted(where: House, first: bytes = b"") -> AsyncIterator[Client]:
    """A client that verifies whom it talks to."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", where.server.tls_port, ssl=trusting(where.certificate)
    )
    client = Client(reader, writer)
    try:
        if first:
            await client.send(first)
        yield client
    finally:
        with suppress(ssl.SSLError):
            await client.close()


@asynccontextmanager
async def stranger(where: House, first: bytes = b"") -> AsyncIterator[Client]:
    """Bytes as they are, to the port of TLS."""
    client = Client(*await asyncio.open_connection("127.0.0.1", where.server.tls_port))
    try:
        if first:
            await client.send(first)
        yield client
    finally:
        await client.close()


async def nobody_shakes(where: House) -> None:
    await eventually(lambda: not where.door._handshakes, "no handshake is left")
    await eventually(lambda: len(where.server._tls_port._tasks) == 1, "no task is left")  # type: ignore[union-attr]

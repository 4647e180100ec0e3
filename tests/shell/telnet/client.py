"""A Telnet client of bytes: it sends what a test says and answers nothing by itself."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from shell.telnet.limits import Limits
from shell.telnet.server import TelnetServer, start
from tests.fakes.shell_ports import Office

IAC, DONT, DO, WONT, WILL, SB, SE = (bytes([code]) for code in (255, 254, 253, 252, 251, 250, 240))
AYT = b"\xf6"
ECHO, SGA, STATUS, TTYPE, NAWS, LINEMODE, NEW_ENVIRON, CHARSET, MSDP, MCCP2, MCCP3 = (
    bytes([code]) for code in (1, 3, 5, 24, 31, 34, 39, 42, 69, 86, 87)
)

WITHIN = 8.0
ESC = b"\x1b"
PROMPT = b"callisto# "
LIMITS = Limits(negotiation_s=0.3)


def sub(option: bytes, data: bytes) -> bytes:
    return IAC + SB + option + data + IAC + SE


def naws(columns: int, rows: int) -> bytes:
    return sub(NAWS, struct.pack("!HH", columns, rows).replace(IAC, IAC + IAC))


def terminal(name: str) -> bytes:
    """What a client with a screen answers, at once."""
    return (
        IAC + WILL + TTYPE + sub(TTYPE, b"\0" + name.encode())
        + IAC + WILL + NAWS + naws(80, 24) + IAC + WONT + NEW_ENVIRON + IAC + DO + SGA + IAC + DO + ECHO
    )  # fmt: skip


REFUSES_ALL = b"".join(
    [IAC + WONT + TTYPE, IAC + DONT + SGA, IAC + DONT + ECHO, IAC + WONT + NAWS, IAC + WONT + NEW_ENVIRON]
)
"""What programs such as telnetlib answer."""


class Client:
    """`seen`: every byte the server has sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._read_to = 0
        self.seen = b""

    async def send(self, data: bytes | str) -> None:
        self._writer.write(data.encode() if isinstance(data, str) else data)
        await asyncio.wait_for(self._writer.drain(), WITHIN)

    async def until(self, text: bytes | str, within: float = WITHIN) -> bytes:
        """What came since the last `until`, up to and with `text`."""
        wanted = text.encode() if isinstance(text, str) else text
        async with asyncio.timeout(within):
            while (found := self.seen.find(wanted, self._read_to)) < 0:
                data = await self._reader.read(65536)
                assert data, f"closed before {wanted!r}; there was {self.seen[self._read_to :]!r}"
                self.seen += data
        end = found + len(wanted)
        piece, self._read_to = self.seen[self._read_to : end], end
        return piece

    async def closed(self, within: float = WITHIN) -> bytes:
        """Everything up to the end of the connection, which must come."""
        async with asyncio.timeout(within):
            with suppress(ConnectionError):
                while data := await self._reader.read(65536):
                    self.seen += data
        return self.seen[self._read_to :]

    async def log_in(self, user: str = "admin", password: str = "secret") -> bytes:
        """To the first prompt."""
        await self.until("Username: ")
        await self.send(f"{user}\r\n")
        await self.until("Password: ")
        await self.send(f"{password}\r\n")
        return await self.until("callisto#")

    async def command(self, line: str) -> str:
        """What a line front end answers to a command, its echo left out."""
        await self.send(f"{line}\r\n")
        answer = (await self.until(PROMPT)).removesuffix(PROMPT)
        return answer.decode().removeprefix(" ").removeprefix(line).replace("\r\n", "\n").strip("\n")

    def no_more(self) -> None:
        """Say all has been said."""
        self._writer.write_eof()

    def urgent(self, data: bytes) -> None:
        """Send at once, the last byte as TCP's urgent data."""
        with self._writer.get_extra_info("socket").dup() as sock:
            sock.send(data, socket.MSG_OOB)

    def abort(self) -> None:
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@asynccontextmanager
async def serving(office: Office, limits: Limits = LIMITS) -> AsyncIterator[TelnetServer]:
    server = await start("127.0.0.1", 0, office.services(), limits)
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def connected(server: TelnetServer, first: bytes = b"") -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
    try:
        if first:
            await client.send(first)
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def logged_in(server: TelnetServer, first: bytes = b"") -> AsyncIterator[Client]:
    """The prompt has come."""
    async with connected(server, first) as client:
        await client.log_in()
        yield client


async def eventually(true: Callable[[], bool], what: str, within: float = WITHIN) -> None:
    """Wait for something that the server does by itself."""
    deadline = asyncio.get_running_loop().time() + within
    while not true():
        assert asyncio.get_running_loop().time() < deadline, f"not within {within} s: {what}"
        await asyncio.sleep(0.01)

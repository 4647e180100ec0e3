"""Random Telnet streams, seeded, against the protocol without a network: nothing escapes, nothing is kept."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest

from shell.telnet.limits import Door, Limits
from shell.telnet.link import Link
from shell.telnet.protocol import AdminProtocol
from shell.term import EndOfInput
from tests.shell.telnet.client import IAC, SB, SE

SESSIONS = 400
INTERESTING = [
    IAC, IAC + SB, IAC + SE, IAC + IAC, IAC + b"\xf4", IAC + b"\xf6", b"\0", b"\1", b"\2", b"\3", b"\r",
    b"\n", b"\x1b[", b"\x80", b"\xff", b"\x16\x03", b"admin\r\n", "ü".encode(), b"x" * 300,
]  # fmt: skip
COMMANDS = [bytes([code]) for code in range(240, 256)]
OPTIONS = [
    bytes([code])
    for code in (0, 1, 3, 5, 6, 24, 31, 32, 33, 34, 35, 36, 39, 42, 44, 69, 70, 85, 86, 87, 93, 201)
]


class Pipe(asyncio.Transport):
    """A transport to nowhere: counts what is written, and says when it is closed."""

    def __init__(self, protocol: AdminProtocol) -> None:
        super().__init__({"peername": ("192.0.2.1", 4000), "socket": _Socket()})
        self._protocol = protocol
        self.written = 0
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += len(data)

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def is_closing(self) -> bool:
        return self.closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Nobody else speaks here."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer."""

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class _Socket:
    def setsockopt(self, *args: int) -> None:
        """No socket, no options."""


def stream(dice: random.Random) -> bytes:
    parts = []
    for _ in range(dice.randrange(1, 60)):
        match dice.randrange(5):
            case 0:
                parts.append(IAC + dice.choice(COMMANDS) + dice.choice(OPTIONS))
            case 1:
                body = dice.randbytes(dice.randrange(8)) if dice.random() < 0.5 else dice.choice(INTERESTING)
                parts.append(
                    IAC + SB + dice.choice(OPTIONS) + body + (IAC + SE if dice.random() < 0.8 else b"")
                )
            case 2:
                parts.append(dice.randbytes(dice.randrange(20)))
            case 3:
                parts.append(
                    IAC + dice.choice((b"\xfb", b"\xfd")) + dice.choice((b"\x18", b"\x1f", b"\x27", b"\3"))
                )
            case _:
                parts.append(dice.choice(INTERESTING))
    return b"".join(parts)


async def session(dice: random.Random, limits: Limits, door: Door) -> None:
    read: list[str] = []

    async def serve(protocol: AdminProtocol) -> None:
        link = Link(protocol)
        try:
            while True:
                read.append(await link.read())
                link.write(b"echo \xff")
                await link.drain()
        except EndOfInput:
            assert not {"\0", "\n", "\x9b", "\u202e"} & set("".join(read))

    class Fuzzed(AdminProtocol):
        pass

    Fuzzed.door, Fuzzed.limits, Fuzzed.tasks = door, limits, set()
    Fuzzed.serve = staticmethod(serve)
    protocol = Fuzzed(encoding=False, force_binary=True, compression=False, limit=4096, connect_maxwait=0.01)
    pipe = Pipe(protocol)
    protocol.connection_made(pipe)
    data = stream(dice)
    while data and not pipe.closing:
        cut = dice.randrange(1, 80)
        protocol.data_received(data[:cut])
        data = data[cut:]
        if dice.random() < 0.3:
            await asyncio.sleep(0)
    match dice.randrange(3):
        case 0:
            protocol.eof_received()
            await asyncio.sleep(0)
            protocol.hang_up("over")
        case 1:
            protocol.connection_lost(ConnectionResetError())
        case _:
            protocol.abort("over")
    for task in list(Fuzzed.tasks):
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 5)
    await asyncio.sleep(0)
    protocol.connection_lost(None)


@pytest.mark.parametrize("seed", range(5))
async def test_no_stream_gets_an_error_out_of_the_protocol(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    loop = asyncio.get_running_loop()
    noise: list[object] = []
    loop.set_exception_handler(lambda _loop, context: noise.append(context))
    dice = random.Random(seed)
    limits = Limits(option_bytes_s=1 << 20, sessions=10)
    door = Door(limits)
    for _ in range(SESSIONS):
        await session(dice, limits, door)
    assert noise == []
    assert door.inside == 0
    assert door.unauthenticated == 0
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    swallowed = [record.getMessage() for record in caplog.records if "error" in record.getMessage().lower()]
    assert swallowed == []

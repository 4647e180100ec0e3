"""A time server on loopback whose clock and manners the test decides."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

EPOCH = 2_208_988_800


def reply(
    question: bytes, at: float, *, stratum: int = 2, leap: int = 0, reference: bytes = b"GPS\0"
) -> bytes:
    """An answer to `question` from a server whose clock stands at `at`, in seconds since 1970."""
    whole = int(at)
    stamp = struct.pack("!II", (whole + EPOCH) % (1 << 32), int((at - whole) * (1 << 32)))
    return (
        struct.pack("!BBbb", leap << 6 | 4 << 3 | 4, stratum, 6, -20)
        + bytes(8)
        + reference
        + stamp
        + question[40:48]
        + stamp
        + stamp
    )


class FakeSntpServer(asyncio.DatagramProtocol):
    """`offset_s`: how far its clock is ahead of ours. `answers`: the datagrams for a question; by default one
    good reply. `asked`: the questions."""

    def __init__(self, offset_s: float = 0.0) -> None:
        self.offset_s = offset_s
        self.answers: Callable[[bytes], list[bytes]] = lambda question: [
            reply(question, time.time() + self.offset_s)
        ]
        self.asked: list[bytes] = []
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._transport
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(data)
        assert self._transport
        for answer in self.answers(data):
            self._transport.sendto(answer, addr)

"""One question to a time server. `RFC 5905 section 14: Simple Network Time Protocol`."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from dataclasses import dataclass

from appliance.errands import Errands

PORT = 123
WITHIN = 2.0
MOST_REPLIES = 32
"""Datagrams looked at before giving up: strangers may send us any number."""

_SHAPE = struct.Struct("!BBbb11I")
_CLIENT = 4 << 3 | 3
"""Leap 0, version 4, mode 3 (client)."""
_SERVER = 4
_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""
_PIVOT = 1_577_836_800 + _EPOCH
"""2020, in seconds since 1900: times of an era are read as after it, so that our own clock may be wrong."""


class SntpError(Exception):
    """No time was to be had; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`offset_s`: how far the server is ahead of us, negative when behind. `delay_s`: of the round trip."""

    offset_s: float
    delay_s: float
    stratum: int


def question(nonce: bytes) -> bytes:
    """48 bytes. `nonce`: eight random bytes in place of our time, which is nobody's business; the server
    returns them, so that a forged answer is known."""
    return bytes([_CLIENT]) + bytes(39) + nonce


def is_reply(data: bytes, nonce: bytes) -> bool:
    """Whether a datagram is the answer to our question, whatever it says."""
    return len(data) >= 48 and data[0] & 7 == _SERVER and data[24:32] == nonce


def read(reply: bytes, sent: float, elapsed: float) -> Answer:
    """`reply` passes `is_reply`; `sent`: our wall clock then, in seconds since 1970; `elapsed`: monotonic
    seconds since. Raises SntpError for a server that has no time to give."""
    first, stratum, _, _, _, _, reference, _, _, _, _, at, at_frac, out, out_frac = _SHAPE.unpack(reply[:48])
    if stratum == 0:
        code = reference.to_bytes(4, "big").rstrip(b"\0").decode("ascii", "replace")
        raise SntpError(f"it refuses to answer ({code if code.isalnum() else 'no reason given'})")
    if first >> 6 == 3 or stratum > 15:
        raise SntpError("it is not in step with any clock itself")
    if not out and not out_frac:
        raise SntpError("its answer has no time in it")
    received, transmitted = _seconds(at, at_frac), _seconds(out, out_frac)
    delay = max(0.0, elapsed - max(0.0, transmitted - received))
    offset = ((received - sent) + (transmitted - (sent + elapsed))) / 2
    return Answer(offset, delay, stratum)


class TimeServers:
    """Asks them. `port` is another one in tests."""

    def __init__(self, port: int = PORT, within: float = WITHIN) -> None:
        self._port = port
        self._within = within
        self._names = Errands("time server", workers=2)

    async def ask(self, host: str) -> Answer:
        """Within `within` seconds, the resolver's included. Raises SntpError."""
        try:
            async with asyncio.timeout(self._within):
                return await self._ask_first(await self._names.do(_addresses, host, self._port))
        except TimeoutError:
            raise SntpError(f"no answer within {self._within:g} s") from None

    async def _ask_first(self, addresses: list[tuple[int, tuple[object, ...]]]) -> Answer:
        """Of several addresses the first that a datagram can be sent to."""
        problem = "it has no address"
        for family, address in addresses:
            try:
                with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
                    sock.connect(address)  # from here on the kernel drops what others send
                    return await _exchange(sock)
            except OSError as exc:
                problem = exc.strerror or str(exc)
        raise SntpError(problem)


async def _exchange(sock: socket.socket) -> Answer:
    loop = asyncio.get_running_loop()
    nonce = secrets.token_bytes(8)
    sent, began = time.time(), time.monotonic()
    await loop.sock_sendall(sock, question(nonce))
    for _ in range(MOST_REPLIES):
        data = await loop.sock_recv(sock, 512)
        if is_reply(data, nonce):
            return read(data, sent, time.monotonic() - began)
    raise SntpError("it answers something else than the time")


def _addresses(host: str, port: int) -> list[tuple[int, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as exc:
        raise SntpError(f"its name cannot be resolved: {getattr(exc, 'strerror', None) or exc}") from exc
    return [(int(family), tuple(address)) for family, _, _, _, address in found]


def _seconds(whole: int, fraction: int) -> float:
    """NTP time as seconds since 1970, in the era that begins at the pivot."""
    return (whole - _PIVOT) % (1 << 32) + _PIVOT - _EPOCH + fraction / (1 << 32)

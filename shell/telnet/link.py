"""One connection as the terminals see it: text in, bytes out, and what the client said about itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from telnetlib3 import telopt

from shell.telnet.nvt import NvtDecoder
from shell.telnet.protocol import AdminProtocol
from shell.term import EndOfInput

READ = 1024
PIECE = 8192
"""Bytes that are written at once where what comes next must not wait long."""
NO_TERMINALS = frozenset({"", "dumb", "unknown", "network"})


class Link:
    """Reading and writing for one session; `on_key` is called whenever the client has typed something."""

    def __init__(self, protocol: AdminProtocol, on_key: Callable[[], None] = lambda: None) -> None:
        self._protocol = protocol
        self._decoder = NvtDecoder()
        self.on_key = on_key
        self.ended = False
        """The client will send no more, or has been cut off."""

    @property
    def address(self) -> str:
        return self._protocol.address

    @property
    def term(self) -> str:
        """The terminal's name in lower case, "" if the client gave none."""
        return str(self._protocol.get_extra_info("TERM") or "")

    @property
    def colorterm(self) -> str:
        return str(self._protocol.get_extra_info("COLORTERM") or "")

    @property
    def columns(self) -> int:
        return _between(20, int(self._protocol.get_extra_info("cols") or 0), 500, unknown=80)

    @property
    def rows(self) -> int:
        return _between(2, int(self._protocol.get_extra_info("rows") or 0), 500, unknown=24)

    @property
    def hides_input(self) -> bool:
        """The client leaves echoing to us, so that a password stays unseen."""
        return bool(self._protocol.screen.local_option.enabled(telopt.ECHO))

    @property
    def speaks_telnet(self) -> bool:
        return bool(self._protocol.screen.answered)

    @property
    def echo(self) -> bool:
        """Whether we echo. Also for a client that refuses the option: those are programs, which look for the
        echo as other equipment gives it. Not for one that answers nothing: its terminal driver echoes."""
        return self.hides_input or self.speaks_telnet

    @property
    def wants_rich(self) -> bool:
        return (
            self.hides_input
            and bool(self._protocol.screen.local_option.enabled(telopt.SGA))
            and self.term not in NO_TERMINALS
        )

    def on_resize(self, callback: Callable[[], None] | None) -> None:
        self._protocol.on_resize = callback

    async def read(self) -> str:
        """What was typed, at least one character; raises EndOfInput when there is no more."""
        while not self.ended:
            # Reading does not wait while there is something: others must have their turn all the same.
            await asyncio.sleep(0)
            try:
                data = await self._protocol.typed.read(READ)
            except (ConnectionError, OSError) as exc:
                self.ended = True
                raise EndOfInput from exc
            if data:
                self.on_key()
            else:
                self.ended = True
            if text := self._decoder.feed(data, final=not data):
                return text
        raise EndOfInput

    def write(self, data: bytes) -> None:
        """Queue bytes; a client that lets too much pile up is cut off."""
        self._protocol.bytes_out += len(data)
        self._protocol.screen.write(data)
        self._protocol.check_backlog()

    async def trickle(self, parts: Iterable[bytes]) -> None:
        """Write the parts, a few at a time, each time when the kernel has taken all that was written before.
        A cancelled one has written whole parts."""
        with self._protocol.unbuffered():
            piece = bytearray()
            for part in parts:
                if piece and len(piece) + len(part) > PIECE:
                    await self._send(bytes(piece))
                    piece.clear()
                piece += part
            await self._send(bytes(piece))

    async def _send(self, data: bytes) -> None:
        await self.drain()
        if data:
            self.write(data)
        await self.drain()
        # Drained at once where the client is quick: its keys, and others, must have their turn all the same.
        await asyncio.sleep(0)

    async def drain(self) -> None:
        """Wait until the client has taken enough; one that takes nothing for too long is cut off."""
        limit = self._protocol.limits.stall_s
        try:
            async with asyncio.timeout(limit):
                await self._protocol.screen.drain()
        except TimeoutError as exc:
            self.ended = True
            self._protocol.abort(f"nothing read for {limit:.0f} s")
            raise EndOfInput from exc
        except ConnectionError as exc:
            self.ended = True
            raise EndOfInput from exc


def _between(low: int, value: int, high: int, *, unknown: int) -> int:
    return unknown if value == 0 else max(low, min(high, value))

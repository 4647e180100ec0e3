"""telnetlib3's server protocol, closed down to what we use: few options, bounded everything, owned sessions.

telnetlib3 5.0.1 trusts its peer in places where a stranger can hang or fill the process before he logs in
(its MUD options, compression, unbounded input); each override here takes one such place away.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import re
import socket
from asyncio.streams import FlowControlMixin
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from telnetlib3 import TelnetReader, TelnetServer, TelnetWriter
from telnetlib3 import telopt as t

from shell.telnet.limits import Door, Limits
from shell.telnet.seldom import Seldom

log = logging.getLogger(__name__)

WE_MAY = frozenset({t.ECHO, t.SGA, t.TM})
"""Options we take on when the client asks. BINARY is not among them: Exscript cannot parse option 0."""
THEY_MAY = frozenset({t.SGA, t.NAWS, t.TTYPE, t.NEW_ENVIRON})
SUBNEGOTIATED = frozenset({t.NAWS, t.TTYPE, t.NEW_ENVIRON})
NAWS_LENGTH = 5
BUFFERED = (32768, 8192)
"""Bytes of output in this process at which a session waits for its client, and goes on."""
UNSENT = 16384
"""Bytes of output in the kernel that are not on their way yet, beyond which it takes no more."""
SLICE = 4096
"""Bytes looked at between two checks of the budgets."""
TERMINAL_NAME = re.compile(r"[\w.+-]{1,40}", re.ASCII)
KEYS = {t.IP: b"\x03", t.BRK: b"\x03", t.ABORT: b"\x03", t.EOF: b"\x04", t.EC: b"\x7f", t.EL: b"\x15"}
"""Telnet commands that stand for a key."""


class AdminWriter(TelnetWriter):
    """Answers only whitelisted options, refuses each other one once, and parses only what was agreed."""

    slc_simulated = False
    answered = False
    """The client has answered (or begun) a negotiation: it speaks Telnet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._refused: set[bytes] = set()

    def handle_do(self, opt: bytes) -> bool:
        self.answered = True
        if opt in WE_MAY:
            return bool(super().handle_do(opt))
        self._refuse(t.WONT, opt)
        return False

    def handle_dont(self, opt: bytes) -> None:
        self.answered = True
        if self.local_option.enabled(opt):
            self.iac(t.WONT, opt)

    def handle_will(self, opt: bytes) -> None:
        self.answered = True
        if opt in THEY_MAY:
            super().handle_will(opt)
        else:
            self._refuse(t.DONT, opt)

    def handle_wont(self, opt: bytes) -> None:
        self.answered = True
        if self.remote_option.enabled(opt):
            self.iac(t.DONT, opt)
        self.remote_option[opt] = False

    def handle_subnegotiation(self, buf: collections.deque[bytes]) -> None:
        if len(buf) < 2 or buf[0] not in SUBNEGOTIATED or not self.remote_option.enabled(buf[0]):
            return
        if buf[0] == t.NAWS and len(buf) != NAWS_LENGTH:
            return
        if buf[0] != t.NAWS and buf[1] != t.IS and not (buf[0] == t.NEW_ENVIRON and buf[1] == t.INFO):
            return
        super().handle_subnegotiation(buf)

    def _refuse(self, answer: bytes, opt: bytes) -> None:
        if answer + opt not in self._refused:
            self._refused.add(answer + opt)
            self.send_iac(t.IAC + answer + opt)


class AdminProtocol(TelnetServer):
    """One connection. `door`, `limits`, `seldom` and `serve` belong to the server and are set by a subclass.

    `serve` runs as the connection's own task: cancelled when the client goes away, and the connection is
    closed when it ends, however it ends."""

    door: Door
    limits: Limits
    seldom: Seldom
    serve: Callable[[AdminProtocol], Awaitable[None]]
    tasks: set[asyncio.Task[None]]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(writer_factory=AdminWriter, **kwargs)
        self.address = ""
        self.peer = ""
        self.authenticated = False
        self.ended_because = "the client closed the connection"
        self.encryption = ""
        """Such as TLSv1.3."""
        self.bytes_out = 0
        self.on_resize: Callable[[], None] | None = None
        self._admitted = False
        self._session: asyncio.Task[None] | None = None
        self._farewell: asyncio.TimerHandle | None = None
        self._socket_transport: asyncio.Transport | None = None
        self._allowance = float(self.limits.option_bytes_s)
        self._charged_at = 0.0
        self._charged_bytes = 0

    @property
    def typed(self) -> TelnetReader:
        """What the client sent, without Telnet's commands."""
        assert isinstance(self.reader, TelnetReader)
        return self.reader

    @property
    def screen(self) -> AdminWriter:
        assert isinstance(self.writer, AdminWriter)
        return self.writer

    # -- the life of a connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else "unknown"
        self.peer = _host_and_port(peer)
        encrypted = transport.get_extra_info("ssl_object")
        self.encryption = str(encrypted.version()) if encrypted else ""
        reason = self.door.enter(self.address)
        if reason is not None:
            self.seldom.warning("refused a connection from %s: %s", self.address, reason)
            self._turn_away(transport, reason)
            return
        self._admitted = True
        self._socket_transport = transport
        self._charged_at = asyncio.get_running_loop().time()
        super().connection_made(transport)
        transport.set_write_buffer_limits(*BUFFERED)
        self.typed.set_transport(transport)
        sock = transport.get_extra_info("socket")
        # A Synch sends its Data Mark as urgent data; out of line, the kernel would take that byte from the
        # stream and join the IAC before it to whatever follows (RFC 854, RFC 1123 3.2.4).
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # The kernel would keep up to 4 MB for a client that does not read.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.limits.send_buffer)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        for command, key in KEYS.items():
            self.screen.set_iac_callback(command, self._key(key))
        self.screen.set_iac_callback(t.AYT, lambda _cmd: self.screen.write(b"\r\n[Yes]\r\n"))

    def _key(self, key: bytes) -> Callable[[bytes], None]:
        return lambda _command: self.typed.feed_data(key)

    def data_received(self, data: bytes) -> None:
        if not self._admitted:
            return
        for start in range(0, len(data), SLICE):
            if self._closing or self._socket_transport is None or self._socket_transport.is_closing():
                return
            super().data_received(data[start : start + SLICE])
            self._check_budgets()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client has said all; what it said is still worked on, and answered."""
        if not self._admitted:
            return False
        self.typed.feed_eof()
        return not self.encryption  # TLS knows no half that stays open

    def connection_lost(self, exc: Exception | None) -> None:
        first = not self._closing
        if not self._admitted:
            self._closing = True
            self._forget_waiters()
            return
        super().connection_lost(exc)
        if not first:
            return
        # telnetlib3 leaves out the mixin, which is what wakes a paused drain().
        FlowControlMixin.connection_lost(self, exc or ConnectionResetError("the client is gone"))
        self.door.leave(self.address, authenticated=self.authenticated)
        if self._farewell is not None:
            self._farewell.cancel()
        if self._session is not None:
            self._session.cancel()

    def hang_up(self, because: str) -> None:
        """Close after what is written has gone out, or after the farewell limit."""
        transport = self._socket_transport
        if transport is None or transport.is_closing():
            return
        self.ended_because = because
        transport.close()
        loop = asyncio.get_running_loop()
        self._farewell = loop.call_later(self.limits.farewell_s, transport.abort)

    def abort(self, because: str) -> None:
        """Close now; what is written may be lost."""
        if self._socket_transport is not None and not self._closing:
            self.ended_because = because
            log.warning("cut off %s: %s", self.address, because)
            self._socket_transport.abort()

    def logged_in(self) -> None:
        if not self.authenticated:
            self.authenticated = True
            self.door.authenticated()

    @property
    def write_backlog(self) -> int:
        """Bytes the client has not taken yet, the kernel's share not counted."""
        transport = self._socket_transport
        return 0 if transport is None or self._closing else transport.get_write_buffer_size()

    @contextmanager
    def unbuffered(self) -> Iterator[None]:
        """While it lasts, draining waits until the kernel has taken everything."""
        transport = self._socket_transport
        if transport is None or self._closing:
            yield
            return
        # Not 0: asyncio's TLS holds that an empty buffer is too full then, and never wakes who waits.
        transport.set_write_buffer_limits(1, 0)
        try:
            yield
        finally:
            if not self._closing:
                transport.set_write_buffer_limits(*BUFFERED)

    def begin_shell(self, future: asyncio.Future[None]) -> None:
        if future.cancelled() or self._closing or self._session is not None:
            return
        session = asyncio.get_running_loop().create_task(
            self._run(), name=f"telnet session of {self.address}"
        )
        self._session = session
        self.tasks.add(session)
        session.add_done_callback(self.tasks.discard)

    async def _run(self) -> None:
        try:
            await type(self).serve(self)
        except Exception:
            log.exception("the session of %s failed", self.address)
        finally:
            self.hang_up("the session ended")

    # -- negotiation

    def _check_negotiation_timer(self) -> None:
        if not self._closing and not self._waiter_connected.done():
            super()._check_negotiation_timer()

    def check_negotiation(self, final: bool = False) -> bool:  # noqa: ARG002 -- telnetlib3's signature
        """True when nothing we asked is open. The other questions go out when the first is answered."""
        if not self._advanced and self.screen.answered:
            self._advanced = True
            self.begin_advanced_negotiation()
        return not any(self.screen.pending_option.values())

    def begin_advanced_negotiation(self) -> None:
        self.screen.iac(t.WILL, t.SGA)
        self.screen.iac(t.WILL, t.ECHO)
        if self.screen.remote_option.enabled(t.TTYPE):
            self.screen.iac(t.DO, t.NAWS)
            self.screen.iac(t.DO, t.NEW_ENVIRON)

    def on_ttype(self, ttype: str) -> None:
        """The first name counts: the one a client sends first describes it best (RFC 1091)."""
        if "TERM" not in self._extra and TERMINAL_NAME.fullmatch(ttype):
            self._extra["TERM"] = ttype.lower()

    def on_request_environ(self) -> list[str | bytes]:
        return ["COLORTERM"]

    def on_environ(self, mapping: dict[str, str]) -> None:
        value = mapping.get("COLORTERM") or ""
        if TERMINAL_NAME.fullmatch(value):
            self._extra["COLORTERM"] = value.lower()

    def on_naws(self, rows: int, cols: int) -> None:
        super().on_naws(rows, cols)
        if self.on_resize is not None:
            self.on_resize()

    def set_timeout(self, duration: int = -1) -> None:
        """No timer of the library: it counts keep-alives as life, and costs a list per packet."""

    # -- budgets

    def _check_budgets(self) -> None:
        now = asyncio.get_running_loop().time()
        rate = self.limits.option_bytes_s
        self._allowance = min(rate, self._allowance + (now - self._charged_at) * rate)
        self._charged_at = now
        used = self.screen.byte_count
        self._allowance -= used - self._charged_bytes
        self._charged_bytes = used
        if self._allowance < 0:
            self.abort(f"more than {rate} bytes of Telnet commands a second")
        elif len(self.screen._sb_buffer) > self.limits.subnegotiation:
            self.abort(f"a subnegotiation of more than {self.limits.subnegotiation} bytes")
        else:
            self.check_backlog()

    def check_backlog(self) -> None:
        if self.write_backlog > self.limits.write_buffer:
            self.abort(f"more than {self.limits.write_buffer} bytes of output not read")

    # -- a connection that is not let in

    def _turn_away(self, transport: asyncio.Transport, reason: str) -> None:
        transport.write(f"% {reason}\r\n".encode("ascii", "replace"))
        transport.close()

    def _forget_waiters(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()


def _host_and_port(peer: tuple[Any, ...] | None) -> str:
    if not peer:
        return "unknown"
    return f"[{peer[0]}]:{peer[1]}" if ":" in str(peer[0]) else f"{peer[0]}:{peer[1]}"

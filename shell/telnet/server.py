"""The Telnet server: who may connect, log in, stay; and which front end he gets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import telnetlib3

from db.errors import StoreError
from db.variables.states import Actor
from shell import greeting
from shell.commands import COMMANDS
from shell.layout import duration
from shell.login import Entrance, log_in
from shell.ports import Services, SystemUnavailableError
from shell.registry import Context
from shell.session import converse
from shell.telnet.limits import Door, Limits
from shell.telnet.line import LineTerm
from shell.telnet.link import Link
from shell.telnet.networks import Networks
from shell.telnet.protocol import AdminProtocol
from shell.telnet.rich import RichTerm
from shell.telnet.seldom import Seldom
from shell.telnet.sessions import Registry, Session
from shell.telnet.tls import Tls, TlsPort
from shell.telnet.watch import watch
from shell.term import EndOfInput, Line
from shell.trail import record

log = logging.getLogger(__name__)

PLAIN = "Callisto: for administrators. This connection is not encrypted."
ENCRYPTED = "Callisto: for administrators. This connection is encrypted (%s)."
SEEN = "Your client shows what is typed: the password too."


@dataclass(frozen=True, slots=True)
class _Guest:
    """Somebody who has logged in."""

    protocol: AdminProtocol
    link: Link
    line: LineTerm
    entrance: Entrance
    session: Session


class TelnetServer:
    """Listens; made by `start`."""

    def __init__(self, services: Services, limits: Limits, networks: Networks, banner: str) -> None:
        self._services = services
        self._limits = limits
        self._banner = banner
        self._door = Door(limits, networks)
        self._registry = Registry()
        self._sessions: set[asyncio.Task[None]] = set()
        self._server: telnetlib3.server.Server | None = None
        self._tls: Tls | None = None
        self._tls_port: TlsPort | None = None
        self._chores: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        """Of plain Telnet; 0 when that is off."""
        if self._server is None or not self._server.sockets:
            return 0
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def tls_port(self) -> int:
        """0 when that is off."""
        return self._tls_port.port if self._tls_port else 0

    @property
    def people(self) -> Registry:
        return self._registry

    def facts(self) -> dict[str, object]:
        """Sessions now and at most, and the ports, for System Information."""
        found: dict[str, object] = {**self._door.facts(), "port": self.port, "tls_port": self.tls_port}
        return {**found, **self._tls.facts()} if self._tls else found

    async def listen(self, host: str, port: int | None, tls: Tls | None) -> None:
        class Protocol(AdminProtocol):
            pass

        limits = self._limits
        Protocol.door, Protocol.limits, Protocol.tasks = self._door, limits, self._sessions
        Protocol.seldom = Seldom(logging.getLogger(AdminProtocol.__module__))
        Protocol.serve = staticmethod(self._serve)
        options: dict[str, Any] = {
            "encoding": False,
            "force_binary": True,
            "compression": False,
            "limit": limits.input_buffer,
            "connect_maxwait": limits.negotiation_s,
            "timeout": 0,
        }
        if port is not None:
            self._server = await telnetlib3.create_server(host, port, protocol_factory=Protocol, **options)
            self._chores.append(asyncio.create_task(_forget(self._server), name="telnet: forget sessions"))
        if tls is not None:
            self._tls = tls
            self._tls_port = TlsPort(tls, self._door, limits, lambda: Protocol(**options))
            try:
                self._tls_port.listen(host)
            except OSError:
                await self.close()
                raise
        watching = watch(self._registry, self._services.standings)
        self._chores.append(asyncio.create_task(watching, name="telnet: watch accounts"))

    async def close(self) -> None:
        """End all sessions and stop listening."""
        if self._server is not None:
            self._server.close()
        if self._tls_port is not None:
            await self._tls_port.close()
        for task in (*self._chores, *self._sessions):
            task.cancel()
        await asyncio.gather(*self._chores, *self._sessions, return_exceptions=True)

    async def _serve(self, protocol: AdminProtocol) -> None:
        link = Link(protocol)
        line = LineTerm(link, self._limits.line)
        with suppress(EndOfInput):
            entrance = await self._let_in(protocol, link, line)
            if entrance is None:
                return
            protocol.logged_in()
            actor = Actor(entrance.account.user, protocol.peer, "telnet")
            session = self._registry.enter(
                entrance.account,
                address=protocol.peer,
                since=self._services.now(),
                encryption=protocol.encryption,
                idle_s=self._limits.idle_s,
            )
            context = Context(
                self._services,
                entrance.account,
                actor,
                COMMANDS,
                self.facts,
                people=self._registry,
                own=session,
            )
            try:
                await self._converse(_Guest(protocol, link, line, entrance, session), context)
            finally:
                self._registry.leave(session)
                why = protocol.ended_because
                await record(self._services.audit, actor, "logout", why)
                lasted = duration(session.lasted_s)
                log.info(
                    "session %d of %s ended after %s, %d bytes shown: %s",
                    session.number,
                    protocol.peer,
                    lasted,
                    protocol.bytes_out,
                    why,
                )

    async def _let_in(self, protocol: AdminProtocol, link: Link, line: LineTerm) -> Entrance | None:
        try:
            async with asyncio.timeout(self._limits.login_s):
                encryption = protocol.encryption
                await line.show(
                    *(["", *self._banner.splitlines()] if self._banner else []),
                    "",
                    ENCRYPTED % encryption if encryption else PLAIN,
                    *([] if link.speaks_telnet else [SEEN]),
                    "",
                )
                return await log_in(
                    line, self._services, protocol.address, protocol.peer, tries=self._limits.tries
                )
        except TimeoutError:
            await line.show("", f"% Nobody logged in within {self._limits.login_s:.0f} s")
            return None

    async def _converse(self, guest: _Guest, context: Context) -> None:
        protocol, entrance, session = guest.protocol, guest.entrance, guest.session
        with suppress(StoreError):
            standing = await self._services.standings.of(entrance.account.user)
            session.stamp = standing.stamp if standing else None
        said = () if entrance.script else await self._greeting(entrance, guest.line.columns)
        async with self._front_end(guest) as term:
            await term.show("")
            guest.link.on_key = session.typed
            session.front_end = "script" if entrance.script else "rich" if term.rich else "line"
            session.tell = None if entrance.script else term.notice
            talk = converse(context, term, script=entrance.script, greeting=said)
            farewell = await session.last(talk, lambda: protocol.abort(session.ended_because))
            session.tell = None
            if session.ended_because:
                protocol.ended_because = session.ended_because
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._limits.farewell_s):
                        await term.show("", farewell)
            elif not guest.link.ended:
                protocol.ended_because = "logged out"

    async def _greeting(self, entrance: Entrance, columns: int) -> Sequence[Line]:
        status: Mapping[str, Any] | None = None
        with suppress(SystemUnavailableError):
            status = await self._services.system.status()
        return greeting.lines(entrance.visit, status, zone=self._services.zone, columns=columns)

    @asynccontextmanager
    async def _front_end(self, guest: _Guest) -> AsyncIterator[LineTerm | RichTerm]:
        """Rich where the client can and there is room; the line terminal else."""
        guest.line.in_place = guest.link.hides_input and not guest.entrance.script
        if guest.entrance.script or not guest.link.wants_rich or not self._door.take_rich():
            yield guest.line
            return
        term = RichTerm(guest.link, self._limits.line, guest.line.pending)
        try:
            yield term
        finally:
            term.close()
            self._door.give_rich()


async def start(
    host: str,
    port: int | None,
    services: Services,
    limits: Limits | None = None,
    *,
    tls: Tls | None = None,
    networks: Networks | None = None,
    banner: str = "",
) -> TelnetServer:
    """Listen on host and port (0: any free one, None: no plain Telnet) and, with `tls`, on its port too.
    `banner`: shown before the login. Raises OSError when a port cannot be had."""
    # It logs whole tracebacks for what strangers send.
    logging.getLogger("telnetlib3").setLevel(logging.CRITICAL)
    server = TelnetServer(services, limits or Limits(), networks or Networks(), banner)
    await server.listen(host, port, tls)
    return server


async def _forget(server: telnetlib3.server.Server) -> None:
    """telnetlib3 keeps the last 1000 connections, ended ones too, until somebody asks for them."""
    while True:
        await server.wait_for_client()

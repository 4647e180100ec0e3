"""The Telnet server: who may connect, log in, stay; and which front end he gets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import telnetlib3

from db.variables.states import Actor
from shell.commands import COMMANDS
from shell.login import Entrance, log_in
from shell.ports import Services
from shell.registry import Context
from shell.session import converse
from shell.telnet.limits import Door, Limits
from shell.telnet.line import LineTerm
from shell.telnet.link import Link
from shell.telnet.protocol import AdminProtocol
from shell.telnet.rich import RichTerm
from shell.term import EndOfInput, Line, Term
from shell.trail import record

log = logging.getLogger(__name__)

GREETING: tuple[Line, ...] = ("", "Callisto: for administrators. This connection is not encrypted.")
SEEN = "Your client shows what is typed: the password too."


class TelnetServer:
    """Listens; made by `start`."""

    def __init__(self, services: Services, limits: Limits) -> None:
        self._services = services
        self._limits = limits
        self._door = Door(limits)
        self._sessions: set[asyncio.Task[None]] = set()
        self._server: telnetlib3.server.Server | None = None
        self._forgetting: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        assert self._server.sockets
        return int(self._server.sockets[0].getsockname()[1])

    def facts(self) -> dict[str, int]:
        """Sessions now and at most, for System Information."""
        return self._door.facts()

    async def listen(self, host: str, port: int) -> None:
        door, limits, sessions, serve = self._door, self._limits, self._sessions, self._serve

        class Protocol(AdminProtocol):
            pass

        Protocol.door, Protocol.limits, Protocol.tasks = door, limits, sessions
        Protocol.serve = staticmethod(serve)
        self._server = await telnetlib3.create_server(
            host,
            port,
            protocol_factory=Protocol,
            encoding=False,
            force_binary=True,
            compression=False,
            limit=limits.input_buffer,
            connect_maxwait=limits.negotiation_s,
            timeout=0,
        )
        self._forgetting = asyncio.create_task(_forget(self._server), name="telnet: forget ended sessions")

    async def close(self) -> None:
        """End all sessions and stop listening."""
        assert self._server is not None
        assert self._forgetting is not None
        self._server.close()
        for task in (self._forgetting, *self._sessions):
            task.cancel()
        await asyncio.gather(self._forgetting, *self._sessions, return_exceptions=True)

    async def _serve(self, protocol: AdminProtocol) -> None:
        link = Link(protocol)
        line = LineTerm(link, self._limits.line)
        with suppress(EndOfInput):
            entrance = await self._let_in(protocol, link, line)
            if entrance is None:
                return
            protocol.logged_in()
            actor = Actor(entrance.account.user, protocol.peer, "telnet")
            context = Context(self._services, entrance.account, actor, COMMANDS, self.facts)
            try:
                await self._converse(protocol, link, line, entrance, context)
            finally:
                await record(self._services.audit, actor, "logout", protocol.ended_because)

    async def _let_in(self, protocol: AdminProtocol, link: Link, line: LineTerm) -> Entrance | None:
        try:
            async with asyncio.timeout(self._limits.login_s):
                await line.show(*GREETING, *([] if link.speaks_telnet else [SEEN]), "")
                return await log_in(
                    line, self._services, protocol.address, protocol.peer, tries=self._limits.tries
                )
        except TimeoutError:
            await line.show("", f"% Nobody logged in within {self._limits.login_s:.0f} s")
            return None

    async def _converse(
        self, protocol: AdminProtocol, link: Link, line: LineTerm, entrance: Entrance, context: Context
    ) -> None:
        idle_s, loop = self._limits.idle_s, asyncio.get_running_loop()
        async with self._front_end(link, line, entrance) as term:
            await term.show("")
            try:
                async with asyncio.timeout(idle_s) as idle:
                    link.on_key = lambda: idle.reschedule(loop.time() + idle_s)
                    await converse(context, term, script=entrance.script)
                    if not link.ended:
                        protocol.ended_because = "logged out"
            except TimeoutError:
                protocol.ended_because = "idle"
                await term.show("", f"% Nothing typed for {idle_s / 60:.0f} min: logged out")

    @asynccontextmanager
    async def _front_end(self, link: Link, line: LineTerm, entrance: Entrance) -> AsyncIterator[Term]:
        """Rich where the client can and there is room; the line terminal else."""
        if entrance.script or not link.wants_rich or not self._door.take_rich():
            yield line
            return
        term = RichTerm(link, self._limits.line, line.pending)
        try:
            yield term
        finally:
            term.close()
            self._door.give_rich()


async def start(host: str, port: int, services: Services, limits: Limits | None = None) -> TelnetServer:
    """Listen on host and port (0: any free one). Raises OSError when the port cannot be had."""
    # It logs whole tracebacks for what strangers send.
    logging.getLogger("telnetlib3").setLevel(logging.CRITICAL)
    server = TelnetServer(services, limits or Limits())
    await server.listen(host, port)
    return server


async def _forget(server: telnetlib3.server.Server) -> None:
    """telnetlib3 keeps the last 1000 connections, ended ones too, until somebody asks for them."""
    while True:
        await server.wait_for_client()

"""Keeps the router's file of the routing table as the store has it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from appliance import routing_file
from appliance.errands import Errands
from appliance.hosts import Hosts, names_in, names_of, with_addresses
from router.model import Peer, RoutingTable
from router.table import encode

TableOf = Callable[[], Awaitable[RoutingTable]]
"""Reads the store: a table without peers and hosts."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """What does not come from the store."""

    peers: tuple[Peer, ...] = ()
    networks: tuple[str, ...] = ()


class Publisher:
    """`fixed`: what the configuration gives to the table. A peer whose host is a name is in it once its
    address is known.

    A revision that changes nothing for calls leaves the file alone: reading it costs the router's one thread
    a tenth of a second in a very large office.
    """

    def __init__(self, path: Path, fixed: Fixed, table_of: TableOf, hosts: Hosts, errands: Errands) -> None:
        self._path = path
        self._fixed = fixed
        self._table_of = table_of
        self._hosts = hosts
        self._errands = errands
        self._table: RoutingTable | None = None
        self._written = ""
        self._turn = asyncio.Lock()

    @property
    def table(self) -> RoutingTable | None:
        """The one published last by this process."""
        return self._table

    async def publish(self) -> None:
        """Read the store and write the file, with the addresses that are known: a change of the office does
        not wait for a name server. Raises what the store raises, and OSError."""
        async with self._turn:
            self._table = await self._table_of()
            await self._write(self._table)

    async def resolve(self) -> None:
        """Ask for the address of every name anew, and write the file if one has changed. Raises OSError."""
        table = self._table
        if table is None:
            return
        await self._hosts.refresh(names_in(table) | names_of(self._fixed.peers))
        async with self._turn:
            await self._write(self._table or table)

    async def _write(self, table: RoutingTable) -> None:
        known = self._hosts.known
        peers = with_addresses(self._fixed.peers, known)
        resolved = replace(table, hosts=dict(known), peers=peers, networks=self._fixed.networks)
        content = encode(replace(resolved, revision=0))
        if content != self._written:
            await self._errands.do(routing_file.write, self._path, encode(resolved))
            self._table, self._written = resolved, content

"""Keeps the router's file of the routing table as the store has it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from appliance import routing_file
from appliance.errands import Errands
from appliance.hosts import Hosts, names_in_group, names_of, with_addresses
from router.model import Peer, RoutingTable
from router.table import contact_lines, group_line, head, seal

SHOWN_GROUPS = 3


@dataclass(frozen=True, slots=True)
class Content:
    """What the store says, ready to be written. `first`: the table with a few groups, to be shown; `names`:
    the hosts to be resolved."""

    first: RoutingTable
    names: frozenset[str]
    body: bytes


ContentOf = Callable[[], Awaitable[Content]]
"""Reads the store: a table without peers and hosts."""


def content_of(read: Callable[[], RoutingTable]) -> Content:
    """Takes seconds for a very large office: for a thread of its own."""
    with _no_collection():
        return _content_of(read())


def _content_of(table: RoutingTable) -> Content:
    shown = dict(islice(table.groups.items(), SHOWN_GROUPS))
    groups, table = dict(table.groups), replace(table, groups={})
    names: set[str] = set()
    lines: list[bytes] = []
    for number in tuple(groups):
        group = groups.pop(number)  # one by one: to free all of them at once takes 40 ms of every thread
        names |= names_in_group(group)
        lines.append(group_line(number, group))
    lines.extend(contact_lines(table))
    return Content(replace(table, groups=shown, contacts={}), frozenset(names), b"".join(lines))


@contextmanager
def _no_collection() -> Iterator[None]:
    """The garbage collector would look several times through half a million objects, each time for a tenth of
    a second in which no thread goes on. They are freed without it all the same: they hold no cycles."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@dataclass(frozen=True, slots=True)
class Fixed:
    """What does not come from the store."""

    peers: tuple[Peer, ...] = ()
    networks: tuple[str, ...] = ()


class Publisher:
    """`fixed`: what the configuration gives to the table. A peer whose host is a name is in it once its
    address is known.

    A revision that changes nothing for calls leaves the file alone: reading it costs the router half a second
    of work in a very large office.
    """

    def __init__(
        self, path: Path, fixed: Fixed, content_of: ContentOf, hosts: Hosts, errands: Errands
    ) -> None:
        self._path = path
        self._fixed = fixed
        self._content_of = content_of
        self._hosts = hosts
        self._errands = errands
        self._content: Content | None = None
        self._written: tuple[bytes, bytes] | None = None
        self._turn = asyncio.Lock()

    @property
    def table(self) -> RoutingTable | None:
        """The one published last by this process, with its first groups only."""
        return self._resolved(self._content) if self._content else None

    async def publish(self) -> None:
        """Read the store and write the file, with the addresses that are known: a change of the office does
        not wait for a name server. Raises what the store raises, and OSError."""
        async with self._turn:
            self._content = await self._content_of()
            await self._write(self._content)

    async def resolve(self) -> None:
        """Ask for the address of every name anew, and write the file if one has changed. Raises OSError."""
        content = self._content
        if content is None:
            return
        await self._hosts.refresh(content.names | names_of(self._fixed.peers))
        async with self._turn:
            await self._write(self._content or content)

    def _resolved(self, content: Content) -> RoutingTable:
        known = self._hosts.known
        peers = with_addresses(self._fixed.peers, known)
        return replace(content.first, hosts=dict(known), peers=peers, networks=self._fixed.networks)

    async def _write(self, content: Content) -> None:
        resolved = self._resolved(content)
        written = (head(replace(resolved, revision=0)), content.body)
        if written != self._written:
            await self._errands.do(_write_file, self._path, head(resolved), content.body)
            self._written = written


def _write_file(path: Path, first: bytes, rest: bytes) -> None:
    routing_file.write(path, seal(first, rest))

"""Names of phones and of the PBX, resolved outside the router: a hanging name server must not stop calls."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from appliance.errands import Errands
from router.model import Group, Peer, Person, RoutingTable

log = logging.getLogger(__name__)

ANSWER_WITHIN = 5.0

_HOST = re.compile(r"sips?:(?:[^@]*@)?(\[[^\]]*\]|[^:;?>\s]+)", re.IGNORECASE)


def names_in(table: RoutingTable) -> frozenset[str]:
    """Host names, in small letters, in the SIP addresses of a table; literal addresses are none."""
    return frozenset[str]().union(*map(names_in_group, table.groups.values()))


def names_in_group(group: Group) -> frozenset[str]:
    found = (_HOST.match(address) for address in _addresses(group))
    return frozenset(match[1].lower() for match in found if match and not is_literal(match[1]))


def names_of(peers: Iterable[Peer]) -> frozenset[str]:
    """The same for configured peers."""
    return frozenset(peer.host.lower() for peer in peers if not is_literal(peer.host))


def with_addresses(peers: Iterable[Peer], known: Mapping[str, str]) -> tuple[Peer, ...]:
    """The peers whose address is known, with it."""
    found = ((peer, peer.host if is_literal(peer.host) else known.get(peer.host.lower())) for peer in peers)
    return tuple(
        replace(peer, host=address, domain="" if address == peer.host else peer.host)
        for peer, address in found
        if address
    )


def is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _addresses(group: Group) -> Iterator[str]:
    people: tuple[Person, ...] = (*group.assistants, *((group.manager,) if group.manager else ()))
    yield group.overflow.target
    for person in people:
        yield person.address
        yield from (forward.target for forward in person.forwards)


def lookup(name: str) -> str:
    """The first IPv4 address: the SIP engine speaks no other. Blocks. Raises OSError; UnicodeError for what
    cannot be a name."""
    found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_DGRAM)
    return str(found[0][4][0])


class Hosts:
    """What is known of names. An address that was found stays until another one is."""

    def __init__(self, resolve: Callable[[str], str] = lookup) -> None:
        self._resolve = resolve
        self._known: dict[str, str] = {}
        self._errands = Errands("resolver", workers=4)
        self._complained: set[str] = set()

    @property
    def known(self) -> MappingProxyType[str, str]:
        return MappingProxyType(self._known)

    async def refresh(self, names: frozenset[str]) -> None:
        """Ask for all `names` at once; those asked before and no longer wanted are forgotten."""
        self._known = {name: self._known[name] for name in names if name in self._known}
        await asyncio.gather(*(self._ask(name) for name in names))

    async def _ask(self, name: str) -> None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                address = await self._errands.do(self._resolve, name)
        except (OSError, UnicodeError, TimeoutError) as exc:
            if name not in self._complained:
                kept = f"; {self._known[name]} stays" if name in self._known else ""
                log.warning("host %s has no address: %s%s", name, str(exc) or "no answer in time", kept)
                self._complained.add(name)
            return
        self._complained.discard(name)
        if self._known.get(name) != address:
            log.info("host %s is %s", name, address)
            self._known[name] = address

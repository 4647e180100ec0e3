"""From where administrators may connect. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

ANY: Final = "any"


@dataclass(frozen=True, slots=True)
class Networks:
    """`within` None: from everywhere."""

    within: tuple[IPv4Network | IPv6Network, ...] | None = None

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """From networks in CIDR form; `any` among them means everywhere. Raises ValueError."""
        given = tuple(texts)
        return cls(None if ANY in given else tuple(ip_network(text) for text in given))

    def __contains__(self, address: str) -> bool:
        if self.within is None:
            return True
        try:
            found = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in network for network in self.within)

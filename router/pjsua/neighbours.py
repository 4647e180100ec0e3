"""Where this router stands in the network, and how its targets see it."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from router.pjsua.address import AddressError, destination

_REMEMBERED = 1000
WILDCARDS = ("", "0.0.0.0")


@dataclass(frozen=True, slots=True)
class Route:
    """`seen_from`: our own address as that target sees it."""

    uri: str
    seen_from: str


class Neighbours:
    """Looks targets up in the kernel's routing table, once each; sends nothing and asks no resolver."""

    def __init__(self, listen: str, port: int) -> None:
        self._listen = listen
        self.port = port
        self._routes: dict[str, Route] = {}

    def route(self, uri: str) -> Route:
        """Raise AddressError for a target that cannot be dialled."""
        known = self._routes.get(uri)
        if known is None:
            to = destination(uri)
            seen_from = self._listen if self._listen not in WILDCARDS else local_address(to.host)
            if to.port == self.port and to.host == seen_from:
                raise AddressError("the target is this router", status=482)
            if len(self._routes) >= _REMEMBERED:
                self._routes.clear()
            known = self._routes[uri] = Route(to.uri, seen_from)
        return known


def local_address(towards: str) -> str:
    """Our address on the way to `towards`; the machine's own addresses lead to themselves."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, 5060))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])

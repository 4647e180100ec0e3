"""Where this router stands in the network: our own address as a far end sees it."""

from __future__ import annotations

import socket

_REMEMBERED = 1000
_ANY = ("0.0.0.0", "::")
_LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


class Routes:
    """Looks addresses up in the kernel's routing table, once each; sends nothing and asks no resolver."""

    def __init__(self, family: socket.AddressFamily, bound: str) -> None:
        self._family = family
        self._bound = "" if bound in _ANY else bound
        self._known: dict[str, str] = {}

    def towards(self, host: str) -> str:
        """Our address on the way to a literal address; loopback when there is no way."""
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[host] = self._bound or _source(self._family, host)
        return known

    def forget(self) -> None:
        """The machine's addresses may have changed."""
        self._known.clear()


def _source(family: socket.AddressFamily, towards: str) -> str:
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, 5060))
        except OSError:
            return _LOOPBACK[family]
        return str(probe.getsockname()[0])

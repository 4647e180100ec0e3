"""Write addresses so that nothing a caller sends can become a header of ours (RFC 3261, section 25). Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from router.ports import Identity

_URI = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[^@\s<>\"]*)@)?(?P<host>\[[0-9a-fA-F:.]+\]|[0-9.]+)(?::(?P<port>\d{1,5}))?"
    r"(?P<parameters>(?:;[^\s<>\"?;]+)*)",
    re.ASCII | re.IGNORECASE,
)
_USER_SAFE = "-_.!~*'()&=+$,"
_LONGEST_URI = 200
_LONGEST_NAME = 120
_LONGEST_USER = 90
"""With the name, the host and the brackets this stays below the 256 bytes PJSIP prints a name-addr into."""
_PLAIN_USER = re.compile(r"\+?[0-9*]{1,32}")
_PLAIN_NAME = re.compile(r"(?:[A-Za-z0-9,.'-][A-Za-z0-9,.' -]{0,60})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class AddressError(Exception):
    """A target that cannot be dialled; the text says why, `status` in SIP's terms."""

    def __init__(self, problem: str, *, status: int = 503) -> None:
        super().__init__(problem)
        self.status = status


@dataclass(frozen=True, slots=True)
class Destination:
    """A target that may be given to PJSIP: its host is a literal IPv4 address, nothing has to be resolved."""

    uri: str
    host: str
    port: int


def destination(uri: str) -> Destination:
    """Raise AddressError unless `uri` is a plain SIP URI with a literal IPv4 address."""
    match = _URI.fullmatch(uri)
    if match is None or len(uri) > _LONGEST_URI:
        raise AddressError(f"not a SIP URI with a literal address: {uri[:80]!r}")
    if match["scheme"].lower() != "sip" or match["host"].startswith("["):
        raise AddressError(f"only sip: over IPv4 is carried: {uri[:80]!r}")
    try:
        host = str(ipaddress.IPv4Address(match["host"]))
    except ValueError as exc:
        raise AddressError(f"not an IPv4 address: {match['host']}") from exc
    port = int(match["port"] or 5060)
    if not 0 < port < 65536:
        raise AddressError(f"not a port: {port}")
    return Destination(uri, host, port)


def from_value(caller: Identity, host: str, port: int) -> str:
    """A name-addr that shows `caller` and is ours: display name quoted, number escaped into the user part.

    What does not fit is cut, at a whole character."""
    user, name = caller.number, caller.name
    if not _PLAIN_USER.fullmatch(user):
        number = _CONTROL.sub("", user)
        user = _fitting((quote(char, safe=_USER_SAFE) for char in number), _LONGEST_USER)
    if not _PLAIN_NAME.fullmatch(name):
        shown = _CONTROL.sub("", name).strip()
        name = _fitting((f"\\{char}" if char in '"\\' else char for char in shown), _LONGEST_NAME)
    uri = f"<sip:{user or 'anonymous'}@{host}:{port}>"
    return f'"{name}" {uri}' if name else uri


def _fitting(pieces: Iterable[str], limit: int) -> str:
    """As many of the pieces, from the first, as fit into `limit` bytes of UTF-8."""
    used = 0
    fitting = []
    for piece in pieces:
        used += len(piece.encode())
        if used > limit:
            break
        fitting.append(piece)
    return "".join(fitting)

"""From a member's address to a SIP URI that needs no name look-up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from router import numbers
from router.model import Peer
from router.ports import Target


@dataclass(frozen=True, slots=True)
class Unreachable:
    """`because`: a sentence for the explanation."""

    because: str


# RFC 3261 section 25.1, without headers: no spaces, quotes or control characters anywhere.
_URI = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[A-Za-z0-9\-_.!~*'()%&=+$,;?/:]+)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<parameters>(?:;[A-Za-z0-9\-.!%*_+`'~\[\]/:&$=]+)*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Uri:
    """A SIP URI taken apart; `parameters` with their semicolons."""

    scheme: str
    user: str
    host: str
    port: str
    parameters: str


def taken_apart(uri: str) -> Uri | None:
    """None when it is no SIP URI."""
    found = _URI.fullmatch(uri)
    if found is None or int(found["port"] or 5060) > 65535:
        return None
    return Uri(
        found["scheme"].lower(), found["user"] or "", found["host"], found["port"] or "", found["parameters"]
    )


def resolve(address: str, peers: Sequence[Peer], hosts: Mapping[str, str]) -> Target | Unreachable:
    """Where to send the INVITE for a number (through the trunk) or a SIP URI. Never raises.

    `peers`: the PBX peers in the order in which they are tried. `hosts`: host name, in small letters, to
    literal address.
    """
    if not address:
        return Unreachable("no phone is set")
    if address[:4].lower() in {"sip:", "sips"}:
        return _uri(address, peers, hosts)
    number = numbers.clean(address)
    if not numbers.is_number(number):
        return Unreachable(f"{numbers.tidy(address)!r} is neither a number nor a SIP address")
    if not peers:
        return Unreachable(f"no trunk to a PBX is set, so number {number} has no way out")
    # '#' is not allowed bare in a user part (RFC 3261 section 25.1).
    user = number.replace("#", "%23")
    first, *others = [
        (f"sip:{user}@{_bracketed(peer.host)}:{peer.port};transport={peer.transport}", peer.name)
        for peer in peers
    ]
    return Target(*first, tuple([Target(*other) for other in others]))


def _uri(address: str, peers: Sequence[Peer], hosts: Mapping[str, str]) -> Target | Unreachable:
    uri = taken_apart(address)
    if uri is None:
        return Unreachable(f"{numbers.tidy(address)!r} is not a SIP address (sip:user@host:port)")
    host = uri.host
    literal = host if _is_literal(host) else hosts.get(host.lower())
    if not literal:
        return Unreachable(f"host {host} has no known address")
    user = f"{uri.user}@" if uri.user else ""
    port = f":{uri.port}" if uri.port else ""
    through = next((peer.name for peer in peers if _is_at(peer, literal, uri.port)), "")
    return Target(f"{uri.scheme}:{user}{_bracketed(literal)}{port}{uri.parameters}", through)


def _is_at(peer: Peer, host: str, port: str) -> bool:
    return peer.host == host.strip("[]") and peer.port == int(port or 5060)


def _is_literal(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host

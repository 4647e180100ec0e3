"""From a member's address to a SIP URI that needs no name look-up."""

from __future__ import annotations

import re
from collections.abc import Mapping
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


def resolve(address: str, trunk: Peer | None, hosts: Mapping[str, str]) -> Target | Unreachable:
    """Where to send the INVITE for a number (through the trunk) or a SIP URI. Never raises.

    `hosts`: host name, in small letters, to literal address.
    """
    if not address:
        return Unreachable("no phone is set")
    if address[:4].lower() in {"sip:", "sips"}:
        return _uri(address, hosts)
    number = numbers.clean(address)
    if not numbers.is_number(number):
        return Unreachable(f"{numbers.tidy(address)!r} is neither a number nor a SIP address")
    if trunk is None:
        return Unreachable(f"no trunk to a PBX is set, so number {number} has no way out")
    # '#' is not allowed bare in a user part (RFC 3261 section 25.1).
    user = number.replace("#", "%23")
    return Target(f"sip:{user}@{_bracketed(trunk.host)}:{trunk.port};transport={trunk.transport}")


def _uri(address: str, hosts: Mapping[str, str]) -> Target | Unreachable:
    found = _URI.fullmatch(address)
    if found is None or int(found["port"] or 5060) > 65535:
        return Unreachable(f"{numbers.tidy(address)!r} is not a SIP address (sip:user@host:port)")
    host = found["host"]
    literal = host if _is_literal(host) else hosts.get(host.lower())
    if not literal:
        return Unreachable(f"host {host} has no known address")
    user = f"{found['user']}@" if found["user"] else ""
    port = f":{found['port']}" if found["port"] else ""
    return Target(f"{found['scheme'].lower()}:{user}{_bracketed(literal)}{port}{found['parameters']}")


def _is_literal(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host

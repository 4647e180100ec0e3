"""`network.conf` on the flashed medium: how the machine is reached, in words of an engineer. Pure.

    address = 192.168.1.20/24
    gateway = 192.168.1.1
    dns = 192.168.1.1, 9.9.9.9
    hostname = callisto-zurich
    interface = eth0

Without `address` the network is asked for one (DHCP). It becomes a file of systemd.network(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

NAME = "network.conf"
LARGEST = 16 << 10
KEYS = ("address", "gateway", "dns", "hostname", "interface")

_HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")


class NetworkFileError(ValueError):
    """The file says what cannot be; the text names the line, what is wrong and what is right."""


@dataclass(frozen=True, slots=True)
class Network:
    """`address` None: DHCP. `interface` empty: every Ethernet interface."""

    address: IPv4Interface | None = None
    gateway: IPv4Address | None = None
    dns: tuple[IPv4Address, ...] = ()
    hostname: str = ""
    interface: str = ""


def read(text: str) -> Network:
    """Raises NetworkFileError."""
    given: dict[str, tuple[int, str]] = {}
    for number, whole in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        line = whole.partition("#")[0].strip()
        if not line:
            continue
        key, equals, value = (part.strip().strip('"') for part in line.partition("="))
        key = key.lower()
        if not equals or key not in KEYS:
            raise _wrong(number, line, f"a line is one of {', '.join(KEYS)}, an equals sign and a value")
        if key in given:
            raise _wrong(number, line, f"{key} is in line {given[key][0]} already")
        given[key] = (number, value)
    network = Network(
        address=_address(*given["address"]) if "address" in given else None,
        gateway=_ip(*given["gateway"]) if "gateway" in given else None,
        dns=tuple(_ip(given["dns"][0], one) for one in re.split(r"[\s,]+", given["dns"][1]) if one)
        if "dns" in given
        else (),
        hostname=_matching(_HOSTNAME, *given["hostname"], "a name such as callisto-zurich")
        if "hostname" in given
        else "",
        interface=_matching(_INTERFACE, *given["interface"], "a name such as eth0")
        if "interface" in given
        else "",
    )
    _check(network, given)
    return network


def unit(network: Network) -> str:
    """As systemd.network(5)."""
    match = f"Name={network.interface}" if network.interface else "Type=ether"
    lines = [
        "# Made at each start, of network.conf on the first partition.",
        "[Match]",
        match,
        "",
        "[Network]",
    ]
    if network.address:
        lines += [f"Address={network.address}"]
        lines += [f"Gateway={network.gateway}"] if network.gateway else []
    else:
        lines += ["DHCP=yes"]
    lines += [f"DNS={server}" for server in network.dns]
    return "\n".join([*lines, ""])


def _check(network: Network, given: dict[str, tuple[int, str]]) -> None:
    if network.gateway and not network.address:
        raise _wrong(*given["gateway"], "a gateway needs an address; without both, DHCP tells them")
    if network.gateway and network.address and network.gateway not in network.address.network:
        right = f"the gateway has to be in {network.address.network}"
        raise _wrong(*given["gateway"], right)


def _address(number: int, text: str) -> IPv4Interface:
    right = "an address with the length of its network, such as 192.168.1.20/24"
    try:
        found = IPv4Interface(text)
    except ValueError:
        raise _wrong(number, text, right) from None
    hosts = found.network
    if (
        "/" not in text
        or hosts.prefixlen > 30
        or found.ip in (hosts.network_address, hosts.broadcast_address)
    ):
        raise _wrong(number, text, right)
    if found.ip.is_loopback or found.ip.is_multicast or found.ip.is_unspecified:
        raise _wrong(number, text, right)
    return found


def _ip(number: int, text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        raise _wrong(number, text, "an IPv4 address such as 192.168.1.1") from None


def _matching(pattern: re.Pattern[str], number: int, text: str, right: str) -> str:
    if not pattern.fullmatch(text):
        raise _wrong(number, text, right)
    return text


def _wrong(number: int, text: str, right: str) -> NetworkFileError:
    return NetworkFileError(f"{NAME}: line {number}: {text[:60]!r} is refused; right would be: {right}")

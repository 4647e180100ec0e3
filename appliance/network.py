"""The machine's network, from the kernel: interfaces with their addresses, gateway, name servers."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import socket
import struct
from pathlib import Path

from appliance.checks.verdicts.on_network import Link

PROC, SYS = Path("/proc"), Path("/sys")
RESOLV = Path("/etc/resolv.conf")
_SIOCGIFADDR = 0x8915
"""netdevice(7)"""
_GATEWAY, _UP = 0x2, 0x1
_LINK_LOCAL = 0x20
"""The scope in /proc/net/if_inet6."""


def links(sys: Path = SYS, proc: Path = PROC) -> tuple[Link, ...]:
    """In the kernel's order, loopback first."""
    try:
        names = [name for _, name in socket.if_nameindex()]
    except OSError:
        return ()
    six = _addresses6(proc)
    return tuple(Link(name, _is_up(sys, name), (*_address4(name), *six.get(name, ()))) for name in names)


def gateway(proc: Path = PROC) -> str:
    """Of the default route with the smallest metric, IPv4 first: `192.0.2.1 (eth0)`; empty for none."""
    found = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (proc / "net/route").read_text().splitlines()[1:]:
            name, target, via, flags, _, _, metric, *_ = line.split()
            if int(target, 16) == 0 and int(flags, 16) & _UP:
                address = socket.inet_ntoa(struct.pack("=I", int(via, 16)))
                found.append((int(metric), f"{address} ({name})" if int(flags, 16) & _GATEWAY else name))
    if not found:
        found = _gateways6(proc)
    return min(found)[1] if found else ""


def name_servers(file: Path = RESOLV) -> tuple[str, ...]:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        words = (line.split() for line in file.read_text().splitlines())
        return tuple(line[1] for line in words if len(line) > 1 and line[0] == "nameserver")
    return ()


def facts() -> dict[str, object]:
    """For the status: what is configured on this machine, not what works."""
    return {
        "interfaces": [
            {"name": each.name, "up": each.up, "addresses": list(each.addresses)} for each in links()
        ],
        "gateway": gateway(),
        "name_servers": list(name_servers()),
    }


def _is_up(sys: Path, name: str) -> bool | None:
    """Virtual interfaces often tell "unknown"."""
    with contextlib.suppress(OSError):
        return {"up": True, "down": False}.get((sys / "class/net" / name / "operstate").read_text().strip())
    return None


def _address4(name: str) -> tuple[str, ...]:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        found = fcntl.ioctl(sock.fileno(), _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
        return (socket.inet_ntoa(found[20:24]),)
    return ()


def _addresses6(proc: Path) -> dict[str, tuple[str, ...]]:
    """Without those of the link, which nobody can call."""
    found: dict[str, tuple[str, ...]] = {}
    with contextlib.suppress(OSError, ValueError):
        for line in (proc / "net/if_inet6").read_text().splitlines():
            digits, _, _, scope, _, name = line.split()
            if int(scope, 16) != _LINK_LOCAL:
                found[name] = (*found.get(name, ()), str(ipaddress.IPv6Address(int(digits, 16))))
    return found


def _gateways6(proc: Path) -> list[tuple[int, str]]:
    found = []
    with contextlib.suppress(OSError, ValueError):
        for line in (proc / "net/ipv6_route").read_text().splitlines():
            target, length, _, _, via, metric, _, _, flags, name = line.split()
            if int(target, 16) == int(length, 16) == 0 and int(flags, 16) & _GATEWAY:
                found.append((int(metric, 16), f"{ipaddress.IPv6Address(int(via, 16))} ({name})"))
    return found

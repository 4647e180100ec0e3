"""The network that the machine is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from appliance.checks.verdicts.finding import Finding, ok, skipped


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface. `up`: None where the kernel does not tell."""

    name: str
    up: bool | None
    addresses: tuple[str, ...] = ()

    @property
    def is_loopback(self) -> bool:
        return self.name == "lo"


def link(links: Sequence[Link], listen: str) -> Finding:
    outside = [each for each in links if not each.is_loopback]
    up = [each.name for each in outside if each.up is not False and (each.up or each.addresses)]
    if up:
        return ok(f"up: {', '.join(up)}")
    if _loopback(listen):
        return skipped(f"the appliance listens on {listen}, for this machine alone")
    names = ", ".join(each.name for each in outside)
    found = f"down: {names}" if names else "there is no interface but loopback"
    return Finding("fail", found, "check the cable and the switch, or the network of the virtual machine")


def address(links: Sequence[Link], listen: str) -> Finding:
    if _loopback(listen):
        return ok(f"{listen}: only this machine can reach the appliance")
    known = [one for each in links if not each.is_loopback for one in each.addresses]
    if ip_address(listen).is_unspecified:
        if known:
            return ok(", ".join(known))
        return Finding("fail", "no interface has an address", "give the machine one, by DHCP or by hand")
    if listen in known:
        return ok(listen)
    return Finding(
        "fail",
        f"{listen} is no address of this machine any more; it has {', '.join(known) or 'none'}",
        "set listen in callisto.toml (CALLISTO_LISTEN) to an address of this machine, and start it anew",
    )


def gateway(found: str, listen: str) -> Finding:
    if found:
        return ok(found)
    if _loopback(listen):
        return skipped(f"none, and the appliance listens on {listen}, for this machine alone")
    return Finding("warn", "none", "without one nothing outside of this network can be reached: set one")


def name_servers(found: Sequence[str], names: Sequence[str]) -> Finding:
    """`names`: of the hosts that somebody has configured by name."""
    if found:
        return ok(", ".join(found))
    if not names:
        return skipped("none, and nothing is configured by name")
    return Finding(
        "fail", f"none, but {', '.join(names)} is a name", "name one in /etc/resolv.conf, or use addresses"
    )


def _loopback(listen: str) -> bool:
    return ip_address(listen).is_loopback

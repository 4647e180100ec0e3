"""What the machine's console shows: where to log in, and with what. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.checks.verdicts.on_network import Link
from db.office import FIRST_ADMINISTRATOR

CLEAR = "\x1b[2J\x1b[H"


@dataclass(frozen=True, slots=True)
class Machine:
    """As it is now. `telnet_port`, `telnets_port`, `web_tls_port`: 0 is closed. `password`: the first one,
    while nobody has changed it. `problems`: of the files on the flashed medium."""

    version: str
    name: str
    links: Sequence[Link]
    telnet_port: int
    telnets_port: int
    web_port: int
    web_tls_port: int = 0
    password: str | None = None
    problems: Sequence[str] = ()


def page(machine: Machine) -> tuple[str, ...]:
    addresses = [one for link in machine.links for one in link.addresses if _serves(one)]
    lines = [f"Callisto {machine.version}   {machine.name}", ""]
    if addresses:
        lines += [line for address in addresses for line in _ways(machine, _bare(address))]
    else:
        lines += _no_address(machine.links)
    if machine.password:
        lines += ["", f"  First login    {FIRST_ADMINISTRATOR}, password {machine.password}"]
        lines += ["                 You will be asked to choose another password."]
    if machine.problems:
        lines += ["", *(f"  ! {problem}" for problem in machine.problems)]
    return (*lines, "")


def _ways(machine: Machine, address: str) -> list[str]:
    lines = []
    if machine.telnet_port:
        port = "" if machine.telnet_port == 23 else f" {machine.telnet_port}"
        lines.append(f"  Log in         telnet {address}{port}")
    if machine.telnets_port:
        lines.append(f"  {'' if lines else 'Log in':<14} telnet-ssl -z ssl {address} {machine.telnets_port}")
    return [*lines, f"  Browser        {web_address(address, machine.web_port, machine.web_tls_port)}"]


def web_address(host: str, port: int, tls_port: int) -> str:
    """As a browser wants it: HTTPS where there is any."""
    scheme, found, usual = ("https", tls_port, 443) if tls_port else ("http", port, 80)
    return f"{scheme}://{host}{'' if found == usual else f':{found}'}/"


def _no_address(links: Sequence[Link]) -> list[str]:
    cards = [link for link in links if link.name != "lo"]
    if not cards:
        return ["  No network card was found."]
    if not any(link.up for link in cards):
        return [f"  No network: is the cable in {' or '.join(link.name for link in cards)}?"]
    return [
        "  No address yet: no DHCP server has answered.",
        "  An address of your own goes into network.conf on the first partition of the flashed medium.",
    ]


def _serves(address: str) -> bool:
    """The appliance listens on IPv4 alone, and to others than itself."""
    return ":" not in address and not address.startswith("127.")


def _bare(address: str) -> str:
    return address.partition("/")[0]

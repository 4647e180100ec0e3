"""`callisto console`: the page of the machine's own screen, drawn anew whenever it has changed."""

from __future__ import annotations

import platform
import select
import socket
import sys
from pathlib import Path

from appliance import network
from appliance.config import Config
from appliance.console import CLEAR, Machine, page
from appliance.first_password import FirstPassword
from firmware.release import running
from shell.safe import safe

LOOK_EVERY = 10.0
PROBLEMS = Path("/run/callisto/problems")
_RTMGRP_LINK, _RTMGRP_IPV4_IFADDR, _RTMGRP_IPV6_IFADDR = 0x1, 0x10, 0x100
"""rtnetlink(7)"""


def run(config: Config, *, once: bool = False, problems: Path = PROBLEMS) -> int:
    """Until interrupted, or one page."""
    if once:
        _draw(_page(config, problems))
        return 0
    shown: tuple[str, ...] = ()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as changes:
        changes.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))
        while True:
            lines = _page(config, problems)
            if lines != shown:
                _draw((CLEAR + lines[0], *lines[1:]))
                shown = lines
            if select.select([changes], [], [], LOOK_EVERY)[0]:
                changes.recv(1 << 16)


def _page(config: Config, problems: Path) -> tuple[str, ...]:
    try:
        said = [safe(line) for line in problems.read_text().splitlines()]
    except OSError:
        said = []
    return page(
        Machine(
            running().version,
            platform.node(),
            network.links(),
            config.telnet_port,
            config.telnets_port,
            config.web_port,
            config.web_tls_port,
            FirstPassword(config.first_password).text(),
            said,
        )
    )


def _draw(lines: tuple[str, ...]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()

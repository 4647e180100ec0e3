"""`callisto console`: the page of the machine's own screens, drawn anew whenever it has changed."""

from __future__ import annotations

import contextlib
import os
import platform
import select
import socket
import sys
from collections.abc import Sequence
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


class Screen:
    """A terminal that need not be there, and may come back: a serial line that nobody reads, an adapter that
    was pulled out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._shown: tuple[str, ...] = ()

    def show(self, lines: tuple[str, ...]) -> None:
        """Draw what is not there yet. What the terminal does not take at once is drawn the next time."""
        if lines == self._shown:
            return
        text = "\r\n".join((CLEAR + lines[0], *lines[1:], "")).encode()
        with contextlib.suppress(OSError):
            # Not to wait for whoever stopped the output, and not to become the terminal of this process.
            fd = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            try:
                if os.write(fd, text) == len(text):
                    self._shown = lines
            finally:
                os.close(fd)


def once(config: Config, problems: Path = PROBLEMS) -> int:
    """One page, to standard output."""
    sys.stdout.write("\n".join(_page(config, problems)) + "\n")
    sys.stdout.flush()
    return 0


def keep(config: Config, screens: Sequence[Screen], problems: Path = PROBLEMS) -> int:
    """The page on each of them, until interrupted."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as changes:
        changes.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))
        while True:
            lines = _page(config, problems)
            for screen in screens:
                screen.show(lines)
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

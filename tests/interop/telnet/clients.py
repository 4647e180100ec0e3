"""The Telnet clients of Debian, and how an admin logs in with one."""

from __future__ import annotations

from dataclasses import dataclass

from shell.telnet.server import TelnetServer
from tests import needs
from tests.interop.telnet.conftest import OpenScreen
from tests.interop.telnet.screen import Screen


@dataclass(frozen=True, slots=True)
class Client:
    """`command`: host and port follow it. `says_size`: it tells of a window that changed."""

    command: str
    package: str
    says_size: bool = True
    goodbye: int = 0
    """Its exit status after the far side has closed."""

    def __str__(self) -> str:
        return self.command.partition(" -")[0]

    async def open(self, screens: OpenScreen, server: TelnetServer, rows: int = 24) -> Screen:
        program, *options = self.command.split()
        needs.program(program, self.package)
        port = str(server.port)
        host = ("-P", port, "127.0.0.1") if program == "plink" else ("127.0.0.1", port)
        return await screens(program, *options, *host, rows=rows)


RICH = (
    Client("inetutils-telnet", "inetutils-telnet"),
    Client("busybox telnet", "busybox", says_size=False, goodbye=1),
    Client("plink -telnet -batch", "putty-tools"),
    Client("telnet-ssl", "telnet-ssl", goodbye=1),
)
PLAIN = (Client("nc.openbsd", "netcat-openbsd"), Client("nc.traditional", "netcat-traditional"))


async def log_in(screen: Screen, password: str = "secret") -> str:
    await screen.shows("^Username:$")
    await screen.enter("admin")
    await screen.shows("^Password:$")
    await screen.enter(password)
    return await screen.shows("^callisto#$")

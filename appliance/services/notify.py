"""What a service tells systemd, where systemd runs it: sd_notify(3) over NOTIFY_SOCKET."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import MutableMapping

log = logging.getLogger(__name__)

SOCKET = "NOTIFY_SOCKET"
WATCHDOG = ("WATCHDOG_USEC", "WATCHDOG_PID")
SIGNS = 3
"""Signs of life within the time that systemd waits for one."""


class Notify:
    """Without systemd everything here does nothing. Nothing waits, and nothing raises: a sign that is lost is
    followed by the next one."""

    def __init__(self, address: str = "", watchdog_s: float = 0.0) -> None:
        """`address`: a path, or a name that begins with @; `watchdog_s`: 0.0 for no watchdog."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.every = watchdog_s / SIGNS
        """Seconds between two signs of life; 0.0: none are asked for."""
        self._next = 0.0
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        self._sock = socket.socket(socket.AF_UNIX, kind) if address else None

    @staticmethod
    def taken(env: MutableMapping[str, str]) -> Notify:
        """As systemd asks in `env`. The variables are taken out: no child process may speak for this one."""
        address = env.pop(SOCKET, "")
        micros, pid = (env.pop(name, "") for name in WATCHDOG)
        meant = address and micros.isdecimal() and pid in ("", str(os.getpid()))
        return Notify(address, int(micros) / 1e6 if meant else 0.0)

    def ready(self, status: str = "") -> None:
        """The service does its work; `status`: one line for `systemctl status`."""
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def turn(self, now: float) -> None:
        """For a process that turns its own loop: a sign of life when one is due. `now`: monotonic seconds."""
        if self.every and now >= self._next:
            self._next = now + self.every
            self._send("WATCHDOG=1")

    async def live(self) -> None:
        """For an asyncio process: signs of life until cancelled, as long as its loop turns."""
        import asyncio  # which a process that turns its own loop does not load

        while self.every:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self.every)

    def close(self) -> None:
        if self._sock:
            self._sock.close()

    def _send(self, text: str) -> None:
        if self._sock is None:
            return
        try:
            self._sock.sendto(text.encode(), self._address)
        except OSError as exc:
            log.debug("not told to systemd: %s", exc)

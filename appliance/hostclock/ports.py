"""What the supervisor needs of the machine's clock."""

from __future__ import annotations

from typing import Protocol

from shell.clock_ports import HostClock


class OwnedClock(HostClock, Protocol):
    """The adapters in this folder, and the fake, pass `tests/contracts/test_host_clock.py`."""

    async def use_server(self, server: str) -> None:
        """Have the machine's time service take the time from that server; empty: from none. Nothing where the
        time service is not ours."""

"""A clock that others look after: it is read, and never set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NoReturn
from zoneinfo import ZoneInfo

from appliance.clock import local_zone
from shell.clock_ports import ClockRefusedError, ClockState

REFUSAL = "this machine's clock is not ours to set"
WAY_OUT = 'timedatectl on the machine sets it; clock = "timedated" in callisto.toml lets us'


class BareClock:
    """Fulfils `OwnedClock`."""

    def __init__(self, zone: Callable[[], ZoneInfo] = local_zone) -> None:
        self._zone = zone

    async def state(self) -> ClockState:
        zone = self._zone()
        return ClockState(datetime.now(zone), zone.key, REFUSAL, WAY_OUT)

    async def set_time(self, at: datetime) -> None:  # noqa: ARG002 -- the port's
        _refuse()

    async def set_zone(self, name: str) -> None:  # noqa: ARG002
        _refuse()

    async def set_sync(self, on: bool) -> None:  # noqa: ARG002
        _refuse()

    async def use_server(self, server: str) -> None:
        """The machine's time service is not ours either."""


def _refuse() -> NoReturn:
    raise ClockRefusedError(REFUSAL, WAY_OUT)

"""What the shell needs of the machine's clock. Filled over the control socket, by a fake in tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class ClockRefusedError(Exception):
    """The clock is left as it is. `hint`: the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """One question to a time server. `problem` is empty when it answered; `offset_s`: by how much its time
    was ahead of ours, negative when behind."""

    server: str
    at: datetime
    problem: str = ""
    offset_s: float | None = None
    stratum: int | None = None


@dataclass(frozen=True, slots=True)
class ClockState:
    """The machine's clock.

    `now` is aware, in `zone`. `refusal`: why the clock cannot be set from here, with `way_out`; empty when it
    can. `sync`: whether the machine's time service is on; `in_step`: whether that service has reached its
    server; None where the machine does not tell. `using`: the server that it takes the time from just now.
    `server`: gTimeServer as it counts now, None while that is unknown; `check`: the last question to it.
    """

    now: datetime
    zone: str
    refusal: str = ""
    way_out: str = ""
    sync: bool | None = None
    in_step: bool | None = None
    using: str = ""
    server: str | None = None
    check: ServerCheck | None = None


class HostClock(Protocol):
    """Everything raises ClockRefusedError where the machine does not allow it; nothing has changed then."""

    async def state(self) -> ClockState: ...

    async def set_time(self, at: datetime) -> None:
        """`at` is aware. Refused while synchronisation is on, which would undo it."""

    async def set_zone(self, name: str) -> None:
        """A name of the zone database, such as Europe/Zurich."""

    async def set_sync(self, on: bool) -> None:
        """Switch the machine's time service on or off."""


class DateTime(HostClock, Protocol):
    """The clock together with the time server. Also raises SystemUnavailableError."""

    async def check(self, server: str) -> ServerCheck:
        """Ask that server for the time once, within three seconds."""

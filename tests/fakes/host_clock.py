"""A machine's clock in memory: set as often as one likes, and no machine's time is touched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shell.clock_ports import ClockRefusedError, ClockState, ServerCheck


class FakeHostClock:
    """Fulfils `OwnedClock` and `DateTime`. Stands still unless `later` moves it. `refusal`: as a clock that
    is not ours. `servers`: what each time server answers; others do not."""

    def __init__(
        self, now: datetime = datetime(2026, 11, 24, 12, 0, tzinfo=UTC), zone: str = "Europe/Zurich"
    ) -> None:
        self.time = now
        self.zone = zone
        self.sync = False
        self.can_sync = True
        self.refusal = ""
        self.server: str | None = None
        self.used: list[str] = []
        self.servers: dict[str, float] = {}
        self.asked: list[str] = []
        self.last: ServerCheck | None = None

    def later(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    async def state(self) -> ClockState:
        return ClockState(
            self.time.astimezone(ZoneInfo(self.zone)),
            self.zone,
            self.refusal,
            "set it on the machine itself" if self.refusal else "",
            None if self.refusal else self.sync,
            None if self.refusal else self.sync,
            self.used[-1] if self.used and self.sync else "",
            self.server,
            self.last,
        )

    async def set_time(self, at: datetime) -> None:
        self._permit()
        if self.sync:
            raise ClockRefusedError("the time is kept by synchronisation", "clock sync off first")
        self.time = at.astimezone(UTC)

    async def set_zone(self, name: str) -> None:
        self._permit()
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ClockRefusedError(f"there is no zone {name}") from None
        self.zone = name

    async def set_sync(self, on: bool) -> None:
        self._permit()
        if on and not self.can_sync:
            raise ClockRefusedError("this machine has no time service to switch on")
        self.sync = on

    async def use_server(self, server: str) -> None:
        if not self.refusal:
            self.used.append(server)

    async def check(self, server: str) -> ServerCheck:
        self.asked.append(server)
        offset = self.servers.get(server)
        problem = "no answer within 2 s" if offset is None else ""
        self.last = ServerCheck(server, self.time, problem, offset, None if problem else 2)
        return self.last

    def _permit(self) -> None:
        if self.refusal:
            raise ClockRefusedError(self.refusal, "set it on the machine itself")

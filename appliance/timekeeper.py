"""The machine's clock in the supervisor's hands: set on request, its server followed, its steps passed on."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from appliance.clock import local_zone
from appliance.hostclock.ports import OwnedClock
from appliance.logs import Trouble
from appliance.sntp import Answer, SntpError
from shell.clock_ports import ClockRefusedError, ClockState, ServerCheck

log = logging.getLogger(__name__)

LOOK_EVERY = 15.0
ZONE_EVERY = 2.0
FRESH_FOR = 10.0
"""Seconds for which an answer of a time server counts for whoever asks again."""

Ask = Callable[[str], Awaitable[Answer]]


class TimeKeeper:
    """Fulfils `shell.clock_ports.DateTime`. `stepped` is told when the clock was set here, `zone_changed`
    when local time means another zone, whoever changed it; `run` must run for that."""

    def __init__(
        self,
        clock: OwnedClock,
        ask: Ask,
        stepped: Callable[[], None],
        zone_changed: Callable[[ZoneInfo], None],
        zone: Callable[[], ZoneInfo] = local_zone,
    ) -> None:
        self._clock = clock
        self._ask = ask
        self._stepped = stepped
        self._zone_changed = zone_changed
        self._zone = zone
        self._zone_was = zone()
        self._server: str | None = None
        self._to_ask = False
        self._changed = asyncio.Event()
        self._asking: dict[str, asyncio.Task[ServerCheck]] = {}
        self._last: ServerCheck | None = None
        self._last_at = 0.0
        self._known: ClockState | None = None
        self._trouble = Trouble(log, "clock")

    @property
    def known(self) -> ClockState | None:
        """As it was when looked at last; never waits. None before the first look."""
        return self._told(replace(self._known, now=datetime.now(self._zone_was))) if self._known else None

    def follow(self, server: str) -> None:
        """gTimeServer has this value. A new one is asked for the time and then used; a server that does not
        answer is a warning and is used all the same. At the start nothing is asked."""
        if server == self._server:
            return
        self._to_ask = self._server is not None and bool(server)
        self._server = server
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._apply(), name="use the time server")
            tasks.create_task(self._look(), name="look at the clock")
            tasks.create_task(self._watch_zone(), name="watch the zone")

    async def state(self) -> ClockState:
        self._known = await self._clock.state()
        return self._told(self._known)

    async def set_time(self, at: datetime) -> None:
        await self._clock.set_time(at)
        log.warning("the clock was set to %s", at.isoformat(timespec="seconds"))
        self._stepped()

    async def set_zone(self, name: str) -> None:
        await self._clock.set_zone(name)
        log.warning("the zone was set to %s", name)
        self._see_zone()

    async def set_sync(self, on: bool) -> None:
        await self._clock.set_sync(on)
        log.warning("synchronisation was switched %s", "on" if on else "off")

    async def check(self, server: str) -> ServerCheck:
        """Whoever asks about one server at about the same time gets one answer."""
        fresh = asyncio.get_running_loop().time() - self._last_at < FRESH_FOR
        if self._last and self._last.server == server and fresh:
            return self._last
        if server not in self._asking:
            task = asyncio.create_task(self._check(server), name="ask a time server")
            self._asking[server] = task
            task.add_done_callback(lambda _: self._asking.pop(server, None))
        return await asyncio.shield(self._asking[server])

    def _told(self, state: ClockState) -> ClockState:
        """With the time server as it counts now."""
        check = self._last if self._last and self._last.server == self._server else None
        return replace(state, server=self._server, check=check)

    async def _check(self, server: str) -> ServerCheck:
        now = datetime.now(UTC)
        try:
            answer = await self._ask(server)
        except SntpError as exc:
            check = ServerCheck(server, now, str(exc))
            log.warning("time server %s: %s", server, exc)
        else:
            check = ServerCheck(server, now, "", answer.offset_s, answer.stratum)
            log.info("time server %s: stratum %d, %+.3f s", server, answer.stratum, answer.offset_s)
        self._last, self._last_at = check, asyncio.get_running_loop().time()
        return check

    async def _apply(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            server = self._server or ""
            if self._to_ask:
                await self.check(server)
            try:
                await self._clock.use_server(server)
            except ClockRefusedError as exc:
                log.error("gTimeServer %s: %s; %s", server or "blank", exc, exc.hint)

    async def _look(self) -> None:
        while True:
            try:
                await self.state()
            except ClockRefusedError as exc:
                self._known = None
                self._trouble.is_(str(exc))
            else:
                self._trouble.over()
            await asyncio.sleep(LOOK_EVERY)

    async def _watch_zone(self) -> None:
        while True:
            await asyncio.sleep(ZONE_EVERY)
            self._see_zone()

    def _see_zone(self) -> None:
        zone = self._zone()
        if zone.key != self._zone_was.key:
            log.warning("local time is that of %s now, not of %s", zone.key, self._zone_was.key)
            self._zone_was = zone
            time.tzset()  # else the log keeps its old local time
            self._zone_changed(zone)

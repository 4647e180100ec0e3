"""The clock of a machine that is the appliance's own: set through systemd's timedated and timesyncd.

Made by `appliance/roles/clock.py` alone, where the configuration says so. Interfaces:
org.freedesktop.timedate1(5), org.freedesktop.systemd1(5), timesyncd.conf(5).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from appliance.hostclock.busctl import Busctl, BusError
from shell.clock_ports import ClockRefusedError, ClockState

log = logging.getLogger(__name__)

TIMEDATED = ("org.freedesktop.timedate1", "/org/freedesktop/timedate1", "org.freedesktop.timedate1")
TIMESYNCD = (
    "org.freedesktop.timesync1",
    "/org/freedesktop/timesync1",
    "org.freedesktop.timesync1.Manager",
)
SYSTEMD = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
UNIT = "systemd-timesyncd.service"
DROP_IN = "50-callisto.conf"

RUNS = "the time is kept by synchronisation, which would undo it"
SWITCH_OFF = "clock sync off first, then set the time"


class TimedatedClock:
    """Fulfils `OwnedClock`. `drop_ins`: timesyncd's folder for them. `own_zone`: TZ, if the appliance goes by
    that and not by the machine's zone."""

    def __init__(self, bus: Busctl, drop_ins: Path, own_zone: str = "") -> None:
        self._bus = bus
        self._own_zone = own_zone.removeprefix(":")
        self._drop_in = drop_ins / DROP_IN

    async def state(self) -> ClockState:
        found = await self._host()
        using = await self._using() if found["NTP"] else ""
        zone = self._own_zone or str(found["Timezone"])
        return ClockState(
            datetime.now(_zone(zone)),
            zone,
            sync=bool(found["NTP"]),
            in_step=bool(found["NTPSynchronized"]),
            using=using,
        )

    async def set_time(self, at: datetime) -> None:
        if (await self._host())["NTP"]:
            raise ClockRefusedError(RUNS, SWITCH_OFF)
        micros = str(round(at.timestamp() * 1_000_000))
        # Absolute, and without asking anybody at a desktop for a password.
        await self._call("SetTime", "xbb", micros, "false", "false")

    async def set_zone(self, name: str) -> None:
        if self._own_zone:
            raise ClockRefusedError(
                f"the appliance goes by TZ={self._own_zone} in its environment, not by the machine's zone",
                "start it without TZ, then set the zone",
            )
        await self._call("SetTimezone", "sb", name, "false")

    async def set_sync(self, on: bool) -> None:
        if on and not (await self._host())["CanNTP"]:
            raise ClockRefusedError(
                "this machine has no time service to switch on", "install systemd-timesyncd on it"
            )
        await self._call("SetNTP", "bb", "true" if on else "false", "false")

    async def use_server(self, server: str) -> None:
        """Nothing is written or restarted where it is so already."""
        wanted = drop_in(server)
        if await asyncio.to_thread(_content, self._drop_in) == wanted:
            return
        try:
            await asyncio.to_thread(_replace, self._drop_in, wanted)
            # Only where it runs: a service that is switched off stays off.
            await self._bus.call(*SYSTEMD, "TryRestartUnit", "ss", UNIT, "replace")
        except OSError as exc:
            raise ClockRefusedError(f"{self._drop_in} cannot be written: {exc.strerror}") from exc
        except BusError as exc:
            raise ClockRefusedError(
                f"the time service was not restarted: {exc}", f"systemctl restart {UNIT} on the machine"
            ) from exc

    async def _host(self) -> dict[str, object]:
        try:
            return await self._bus.properties(*TIMEDATED, "Timezone", "NTP", "NTPSynchronized", "CanNTP")
        except BusError as exc:
            raise _refused(exc) from exc

    async def _using(self) -> str:
        try:
            return str((await self._bus.properties(*TIMESYNCD, "ServerName"))["ServerName"])
        except BusError as exc:
            log.debug("timesyncd does not tell its server: %s", exc)
            return ""

    async def _call(self, method: str, *args: str) -> None:
        try:
            await self._bus.call(*TIMEDATED, method, *args)
        except BusError as exc:
            raise _refused(exc) from exc


def drop_in(server: str) -> str:
    """What timesyncd is told: this server and no other; for an empty one, none at all."""
    # An empty assignment takes back what other files have listed.
    lines = ["# gTimeServer, written by Callisto.", "[Time]", "NTP=", "FallbackNTP="]
    return "\n".join([*lines, f"NTP={server}" if server else "", ""])


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _refused(exc: BusError) -> ClockRefusedError:
    return ClockRefusedError(
        f"the machine refused: {exc}",
        "timedatectl on the machine says more; the supervisor must be allowed it",
    )


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _replace(path: Path, text: str) -> None:
    """The old one or the new one is there, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    neighbour = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with neighbour.open("w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o644)  # timesyncd is another user
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        neighbour.replace(path)
    finally:
        with contextlib.suppress(OSError):
            neighbour.unlink(missing_ok=True)

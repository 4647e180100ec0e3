"""Whose clock it is: the only place that makes an adapter which can set the machine's clock."""

from __future__ import annotations

import os
from pathlib import Path

from appliance.config import Config
from appliance.hostclock.bare import BareClock
from appliance.hostclock.busctl import Busctl
from appliance.hostclock.ports import OwnedClock
from appliance.hostclock.timedated import TimedatedClock

DROP_INS = Path("/etc/systemd/timesyncd.conf.d")
OURS = Path("/run/systemd/timesyncd.conf.d")
"""In the image, where nothing lasts in /etc and this folder is ours; it is written anew after each start."""
NEEDED = ("PATH", "DBUS_SYSTEM_BUS_ADDRESS")


def host_clock(config: Config) -> OwnedClock:
    """The one that `clock` names."""
    if config.clock == "timedated":
        env = {name: os.environ[name] for name in NEEDED if name in os.environ}
        drop_ins = OURS if config.services == "systemd" else DROP_INS
        return TimedatedClock(Busctl(env), drop_ins, os.environ.get("TZ", ""))
    return BareClock()

"""The services as processes: how each is started, and how long it may take to stop."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from appliance import lifecycle
from appliance.config import Config
from appliance.services.children import Child
from appliance.services.ports import Unit

STOP_WITHIN = 4.1
STOPS = {Unit.MEDIA: 1.5, Unit.ROUTER: 2.4, Unit.SHELL: 0.8, Unit.WEB: 0.8}
"""Seconds from SIGTERM to SIGKILL. Everything has to stop within five: media is the last, and is killed when
the others have used up STOP_WITHIN; it has no call left then."""

PASSWORDS = frozenset({Unit.SHELL, Unit.WEB})
"""Services that look at passwords, in threads."""
FEW_HEAPS = {"MALLOC_ARENA_MAX": "3", "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
"""For glibc's malloc (mallopt(3)): with any threshold set, that above which a block is given back at once
stays at 128 KB, else each thread keeps the 19 MB that argon2 took of it. Fewer heaps make keys wait."""


def children(config: Config, env: Mapping[str, str]) -> tuple[Child, ...]:
    """Each service is this program again, in the role of that name. `env`: without our settings."""
    return tuple(
        Child(
            unit,
            (sys.executable, "-P", "-m", "appliance", unit.value),
            {**(FEW_HEAPS if unit in PASSWORDS else {}), **env, **config.environment()},
            lifecycle.Limits(stop_within=STOPS[unit]),
        )
        for unit in Unit
    )

"""Which services have fallen silent: pure decisions over signs of life.

A service's loop gives a sign once a second. Whoever has given none for SILENCE is stalled, unless the one who
looks was late himself: a machine that was suspended or a stopped supervisor is no fault of the services.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

SILENCE = 5.0
"""Seconds without a sign."""
LOOK_EVERY = 0.5
LATE = 0.5
"""Seconds a look may come after its time before everybody gets a fresh period."""


@dataclass(frozen=True, slots=True)
class Vigil:
    """`heard`: the last sign of each service that is watched; `looked`: the last look, None before the first.
    Both monotonic seconds."""

    heard: Mapping[str, float] = field(default_factory=dict)
    looked: float | None = None


def heard(vigil: Vigil, service: str, now: float) -> Vigil:
    """A sign of `service`, which is watched from now on."""
    return replace(vigil, heard={**vigil.heard, service: now})


def dismissed(vigil: Vigil, service: str) -> Vigil:
    """`service` is no longer watched: it is not ready, or it is being stopped."""
    return replace(vigil, heard={name: at for name, at in vigil.heard.items() if name != service})


def look(vigil: Vigil, now: float) -> tuple[Vigil, tuple[str, ...]]:
    """Who is stalled; they are dismissed. Call it every LOOK_EVERY seconds."""
    if vigil.looked is None or now - vigil.looked > LOOK_EVERY + LATE:
        return Vigil(dict.fromkeys(vigil.heard, now), now), ()
    stalled = tuple(name for name, at in vigil.heard.items() if now - at >= SILENCE)
    left = {name: at for name, at in vigil.heard.items() if name not in stalled}
    return Vigil(left, now), stalled

"""Whether another call fits, and how many phones may ring for it at once.

The C library answers 486 by itself when its slots are used up (4 of them in the stock wheel), so one slot or
more is kept free: the INVITE that is one too many still reaches us and gets our 503.
"""

from __future__ import annotations

from router.values import value

RETRY_AFTER = 5
"""Seconds after which a refused caller may try again (RFC 3261 section 20.33)."""


def reserve(capacity: int) -> int:
    """Slots kept free. Several INVITEs may come in one turn of the loop where calls come fast."""
    return max(1, capacity // 64)


@value(frozen=True, slots=True)
class Load:
    """Call legs when a new call has come.

    `in_use`: slots taken, the new call's and lingering ones included. `alive`: those of them that the engine
    knows of. `promised`: what the calls under way may need, with the legs they have and without the new call.
    """

    capacity: int
    in_use: int
    alive: int
    promised: int


def phones_at_once(load: Load, wanted: int) -> int:
    """How many of the `wanted` phones may ring together for the new call; 0: refuse it."""
    # A leg cancelled towards a dead phone keeps its slot for up to 32 s (RFC 3261 timers B and F).
    lingering = max(0, load.in_use - load.alive)
    free = load.capacity - reserve(load.capacity) - load.promised - lingering
    return max(0, min(wanted, free - 1))


def may_dial(capacity: int, in_use: int) -> bool:
    """Whether one more phone of an admitted call still fits beside legs that linger."""
    return in_use < capacity - reserve(capacity)

"""The timers of RFC 3261 section 17 and RFC 6026, and how transactions that are over wait for their end.

Only repeating and giving up are timed singly. A transaction that merely lingers stands in a queue with the
others that linger as long as it does, which a sweep once a second looks at from the front.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds. `t1`: a round trip; `t2`: longest pause between repetitions; `t4`: life of a datagram."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def give_up(self) -> float:
        """64 times T1: timers B, D, F, H, J, L and M."""
        return 64 * self.t1

    def repetition(self, count: int) -> float:
        """The pause after sending for the `count`-th time (from 1), with the ceiling T2: timers E and G."""
        return min(self.t1 * (1 << min(count - 1, 30)), self.t2)


class Lingering(Protocol):
    """What waits in a queue. `key`: in the table that it leaves at `until`, in monotonic seconds."""

    key: str
    until: float


L = TypeVar("L", bound=Lingering)


class Queue(Generic[L]):
    """Those that linger equally long, in the order of their ends."""

    __slots__ = ("_seconds", "_waiting")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: deque[L] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, one: L, now: float) -> None:
        one.until = now + self._seconds
        self._waiting.append(one)

    def over(self, now: float) -> list[L]:
        """Those whose time has come; they have left the queue."""
        done: list[L] = []
        waiting = self._waiting
        while waiting and waiting[0].until <= now:
            done.append(waiting.popleft())
        return done

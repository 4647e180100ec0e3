"""What one step of the bench measured, and the few figures that are made of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil


@dataclass(frozen=True, slots=True)
class Step:
    """One system under one rate. `setup_ms`: INVITE to 180 at the caller, ascending; `cpu_s`: user and
    system time of the process tree over the step; `router_cpu_s`: of the router process alone, if any."""

    system: str
    rate: int
    calls: int
    failed: int
    retransmissions: int
    setup_ms: tuple[float, ...]
    cpu_s: float
    router_cpu_s: float | None = None

    def percentile(self, share: float) -> float | None:
        """Nearest rank; None when no call got a 180."""
        return percentile(self.setup_ms, share)

    @property
    def cpu_per_1000(self) -> float | None:
        """CPU seconds per 1000 calls; None when calls failed, since a failed call costs something else."""
        return None if self.failed or not self.calls else self.cpu_s * 1000 / self.calls

    @property
    def router_cpu_per_1000(self) -> float | None:
        if self.router_cpu_s is None or self.failed or not self.calls:
            return None
        return self.router_cpu_s * 1000 / self.calls


@dataclass(frozen=True, slots=True)
class Total:
    """A process tree over the whole run: all its calls, and all CPU time it took since it was ready, the
    pauses and what is left to do after the last call included."""

    system: str
    calls: int
    cpu_s: float

    @property
    def cpu_per_1000(self) -> float | None:
        return self.cpu_s * 1000 / self.calls if self.calls else None


@dataclass(frozen=True, slots=True)
class Packet:
    """RTP that came: its sequence number, and when, in seconds."""

    sequence: int
    at: float


def gaps_ms(packets: Sequence[Packet]) -> list[float]:
    """From each packet to the next, in the order in which they came."""
    return [(after.at - before.at) * 1000 for before, after in pairwise(packets)]


def missing(packets: Sequence[Packet]) -> int:
    """Sequence numbers between the first and the last that never came; the counter of 16 bits may wrap."""
    place = 0
    seen = {place} if packets else set()
    for before, after in pairwise(packets):
        place += (after.sequence - before.sequence + 0x8000 & 0xFFFF) - 0x8000
        seen.add(place)
    return max(seen) - min(seen) + 1 - len(seen) if seen else 0


@dataclass(slots=True)
class Fate:
    """What became of one call, in seconds of one clock: when its INVITE was sent, when 180 came, when and
    with which status the INVITE's final response, and when the BYE's 200."""

    sent: float
    rang: float | None = None
    decided: float | None = None
    status: int = 0
    ended: float | None = None

    def receive(self, at: float, status: int, method: str) -> None:
        if status < 200:
            if status == 180 and self.rang is None:
                self.rang = at
        elif method == "INVITE":
            if self.decided is None:
                self.decided, self.status = at, status
        elif method == "BYE" and status == 200:
            self.ended = at

    @property
    def succeeded(self) -> bool:
        return self.status == 200 and self.ended is not None

    @property
    def refused_ms(self) -> float | None:
        """How long the caller waited for a 503; None: it came to something else."""
        return None if self.decided is None or self.status != 503 else (self.decided - self.sent) * 1000


def percentile(ascending: Sequence[float], share: float) -> float | None:
    """`share` in (0, 1]: the smallest value that this share of all values does not exceed."""
    return ascending[ceil(share * len(ascending)) - 1] if ascending else None


def highest_clean_rate(steps: Sequence[Step], system: str) -> int | None:
    """The highest rate up to which no call failed; None when already the lowest failed or none was run."""
    clean = None
    for step in sorted((s for s in steps if s.system == system), key=lambda s: s.rate):
        if step.failed:
            break
        clean = step.rate
    return clean


def find(steps: Sequence[Step], system: str, rate: int) -> Step | None:
    return next((s for s in steps if s.system == system and s.rate == rate), None)

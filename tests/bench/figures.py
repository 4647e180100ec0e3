"""What one step of the bench measured, and the few figures that are made of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

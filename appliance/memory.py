"""When a process that has grown is given back its memory by a restart: pure decisions over samples.

Above `soft` it is restarted at the first quiet moment; nobody notices. Above `hard` it is restarted with its
calls, at the moment with the fewest of them within PATIENCE: the machine itself is in danger.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SAMPLE_EVERY = 10.0
"""Seconds between two samples."""
SAMPLES = 6
"""In a row above a limit before it counts: a table being swapped holds two of them for a moment."""
PATIENCE = 600.0
"""Seconds above `hard` in which a moment with few calls is waited for."""
SETTLED = 300.0
"""Seconds after a restart in which there is no other: one that does not help must not be repeated at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Megabytes of memory that is the process's own. 0: no limit."""

    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Sample:
    """`calls`: under way now, None when that is not known, which is taken for some."""

    at: float
    mb: int
    calls: int | None


class Verdict(Enum):
    FINE = "fine"
    WAITS = "waits for a quiet moment"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Growth:
    """What is known of one process. `above`, `far_above`: samples in a row over the soft and the hard limit.
    `far_since`: since when it counts as far above. `fewest`: calls at the quietest sample since then."""

    since: float
    above: int = 0
    far_above: int = 0
    far_since: float | None = None
    fewest: int | None = None


def weigh(growth: Growth, sample: Sample, limits: Limits) -> tuple[Growth, Verdict]:
    """What one more sample means. A new process begins with a new Growth(since=its start)."""
    above = growth.above + 1 if limits.soft and sample.mb > limits.soft else 0
    far_above = growth.far_above + 1 if limits.hard and sample.mb > limits.hard else 0
    far_since, fewest = growth.far_since, growth.fewest
    if far_above < SAMPLES:
        far_since = fewest = None
    elif far_since is None:
        far_since = sample.at
    after = Growth(growth.since, above, far_above, far_since, _fewest(fewest, sample, far_since))
    if max(above, far_above) < SAMPLES:
        return after, Verdict.FINE
    if sample.at - growth.since < SETTLED:
        return after, Verdict.WAITS
    if sample.calls == 0 or _must(after, sample):
        return after, Verdict.RESTART
    return after, Verdict.WAITS


def _fewest(fewest: int | None, sample: Sample, far_since: float | None) -> int | None:
    if far_since is None or sample.calls is None:
        return fewest
    return sample.calls if fewest is None else min(fewest, sample.calls)


def _must(growth: Growth, sample: Sample) -> bool:
    """Far above: in the second half of the patience as few calls as there ever were will do."""
    if growth.far_since is None:
        return False
    waited = sample.at - growth.far_since
    if waited >= PATIENCE:
        return True
    few = sample.calls is not None and growth.fewest is not None and sample.calls <= growth.fewest
    return waited >= PATIENCE / 2 and few

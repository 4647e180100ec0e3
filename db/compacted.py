"""How long rows are kept, and what compacting has come to. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many days rows are kept; 0: for ever."""

    calls: int = 0
    audit: int = 0
    jobs: int = 0


@dataclass(frozen=True, slots=True)
class Old:
    """Rows that are older than they are kept. `what`: in words; `days`: 0 for ever."""

    what: str
    days: int
    rows: int


@dataclass(frozen=True, slots=True)
class Compacted:
    """`before`, `after`: bytes, the log included. `cleaned`: the rows that were deleted. `waited_s`: the
    longest that a writer waited meanwhile until he could write, measured by writers. `remark`: what else is
    to be said."""

    before: int
    after: int
    cleaned: tuple[Old, ...]
    waited_s: float
    took_s: float
    remark: str = ""

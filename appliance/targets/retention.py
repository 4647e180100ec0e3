"""Which backups on a target are deleted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from db.backup.names import host_of, made_at_of


@dataclass(frozen=True, slots=True)
class Keep:
    """The last one of each of so many days, weeks and months that have any; all 0: nothing is deleted."""

    daily: int
    weekly: int
    monthly: int

    @property
    def everything(self) -> bool:
        return not (self.daily or self.weekly or self.monthly)


def to_delete(names: Iterable[str], keep: Keep, proven: str, zone: tzinfo) -> tuple[str, ...]:
    """Oldest first. `proven`: the last one that is known to be good; unless it is among them, and from it on,
    nothing is deleted. Names of other machines, and what is no backup, are left alone."""
    host, at = host_of(proven), made_at_of(proven)
    ours = sorted((made, name) for name in set(names) if host_of(name) == host and (made := made_at_of(name)))
    if at is None or keep.everything or (at, proven) not in ours:
        return ()
    periods: tuple[tuple[int, Callable[[datetime], object]], ...] = (
        (keep.daily, lambda made: made.date()),
        (keep.weekly, lambda made: made.isocalendar()[:2]),
        (keep.monthly, lambda made: (made.year, made.month)),
    )
    stays = {name for made, name in ours if made >= at}
    for count, period in periods:
        last = {period(made.astimezone(zone)): name for made, name in ours}
        stays.update(list(last.values())[len(last) - min(count, len(last)) :])
    return tuple(name for _, name in ours if name not in stays)

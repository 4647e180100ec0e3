"""Which leaf pages the interior pages want, and where: what is referenced, astray or missing. Pure.

A separator of a table's tree bounds the rowids on its left; a page whose rowids are outside is not the one
that belongs there. An interior page is believed if most of the children that can be read fit it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_LEVELS = 20
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Interior:
    """Children from left to right; `keys`: the separators between them, one fewer."""

    children: tuple[int, ...]
    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Extent:
    """The rows found on a leaf page: owner, lowest and highest rowid."""

    owner: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Rows of `owner` with rowids above `low` and up to `high` were on a page that is lost."""

    owner: int
    page: int
    low: int | None
    high: int | None


@dataclass(slots=True)
class Trees:
    """`extents`: of the leaf pages by page; `roots`: page to owner, as the file's own schema says."""

    extents: Mapping[int, Extent]
    interiors: Mapping[int, Interior]
    roots: Mapping[int, int]
    empty: frozenset[int] = frozenset()
    astray: set[int] = field(default_factory=set)
    linked: set[int] = field(default_factory=set)
    gaps: list[Gap] = field(default_factory=list)
    owners: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._believe()
        intervals: dict[int, list[tuple[int, int, int]]] = {}
        missing: list[Gap] = []
        for child, owner, low, high, leafy in self._wanted():
            found = self.extents.get(child)
            if found is None:
                if child not in self.empty and (leafy or not self._any_within(owner, low, high)):
                    missing.append(Gap(owner, child, _known(low), _known(high)))
                if not leafy:
                    continue  # an interior page is lost, and its leaves are here as nobody's
            elif found.owner == owner and low < found.low and found.high <= high:
                self.linked.add(child)
            else:
                self.astray.add(child)
                missing.append(Gap(owner, child, _known(low), _known(high)))
            intervals.setdefault(owner, []).append((high, low, child))
        for page, owner in self.roots.items():
            if (found := self.extents.get(page)) is not None:
                (self.linked if found.owner == owner else self.astray).add(page)
        self.astray -= self.linked
        self.gaps = missing
        self._shadows(intervals)

    def _believe(self) -> None:
        """Owners of interior pages, from the leaves upwards."""
        for _ in range(_LEVELS):
            known = len(self.owners)
            for page, interior in self.interiors.items():
                if page in self.owners:
                    continue
                owner = self._owner(interior)
                if owner is not None:
                    self.owners[page] = owner
            if len(self.owners) == known:
                return

    def _owner(self, interior: Interior) -> int | None:
        votes: Counter[int] = Counter()
        right = 0
        for place, child in enumerate(interior.children):
            extent = self._extent(child)
            if extent is None:
                continue
            votes[extent.owner] += 1
            low = interior.keys[place - 1] if place else _LEAST
            high = interior.keys[place] if place < len(interior.keys) else _MOST
            right += low < extent.low and extent.high <= high
        if not votes or right * 2 <= votes.total():
            return None
        return votes.most_common(1)[0][0]

    def _extent(self, page: int) -> Extent | None:
        """Of an interior page: its separators; the first may be the highest rowid of its leftmost leaf."""
        if page not in self.owners:
            return self.extents.get(page)
        keys = self.interiors[page].keys
        return Extent(self.owners[page], keys[0], keys[-1])

    def _any_within(self, owner: int, low: int, high: int) -> bool:
        """A leaf with such rows is there, whoever refers to it."""
        return any(
            each.owner == owner and low < each.low and each.high <= high for each in self.extents.values()
        )

    def _wanted(self) -> Iterator[tuple[int, int, int, int, bool]]:
        """What a believed page refers to and is no other believed one: its owner and bounds (exclusive,
        inclusive), and whether it must be a leaf, for its siblings are."""
        below = {child for page in self.owners for child in self.interiors[page].children}
        waiting = [(page, _LEAST, _MOST) for page in self.owners if page not in below]
        seen: set[int] = set()
        while waiting:
            page, low, high = waiting.pop()
            if page in seen:
                continue
            seen.add(page)
            interior = self.interiors[page]
            edges = (low, *interior.keys, high)
            leafy = any(child in self.extents for child in interior.children)
            for place, child in enumerate(interior.children):
                if child in self.owners:
                    waiting.append((child, edges[place], edges[place + 1]))
                elif child not in self.interiors:
                    yield child, self.owners[page], edges[place], edges[place + 1], leafy

    def _shadows(self, intervals: Mapping[int, list[tuple[int, int, int]]]) -> None:
        """A page that nobody refers to, with rowids that a believed page says are on another one."""
        for each in intervals.values():
            each.sort()
        for page, extent in self.extents.items():
            if page in self.linked or page in self.astray:
                continue
            known = intervals.get(extent.owner, [])
            place = bisect_left(known, (extent.low,))
            if place < len(known):
                high, low, child = known[place]
                if low != _LEAST and high != _MOST and low < extent.low and child != page:
                    self.astray.add(page)


def _known(bound: int) -> int | None:
    return None if bound in {_LEAST, _MOST} else bound

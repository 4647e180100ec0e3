"""Which bytes of a medium are written how: pure decisions over a manifest and its partition table.

The table comes last, and is another one on each medium; until then there are zeros in its place. What no
range covers is zero in the image, and has to be on the medium: a FAT or an inode table consists of zeros for
the most part. Free of that are room for the other slot, the rest of a slot behind its file system, and what
is in no partition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from firmware.gpt import FIRST_USABLE, ROOT_X86_64, SECTOR, TABLE_SECTORS, Table
from firmware.manifest import Manifest

HEAD = FIRST_USABLE * SECTOR
"""Bytes of boot code and partition table at the beginning."""
TAIL = (TABLE_SECTORS + 1) * SECTOR
"""Bytes of its copy at the end."""
WIPED = 1 << 20
"""At both ends of the medium: what was there before must not be found again."""


@dataclass(frozen=True, slots=True)
class Extent:
    at: int
    size: int

    @property
    def end(self) -> int:
        return self.at + self.size


def tables(size: int) -> tuple[Extent, Extent]:
    """Where the table of a disk of that many bytes lies, and its copy."""
    return Extent(0, HEAD), Extent(size - TAIL, TAIL)


def without_tables(manifest: Manifest, at: int, data: bytes | memoryview) -> bytes | memoryview:
    """What is written of a range: zeros where the image has its own tables, the same object elsewhere."""
    for table in tables(manifest.size):
        first, last = max(table.at, at) - at, min(table.end, at + len(data)) - at
        if first < last:
            data = b"".join((data[:first], bytes(last - first), data[last:]))
    return data


def zeros(manifest: Manifest, table: Table, size: int) -> tuple[Extent, ...]:
    """What has to be zero on a medium of `size` bytes, and is in no range."""
    wanted = [Extent(0, min(WIPED, size)), Extent(max(0, size - WIPED), min(WIPED, size))]
    slots = [part for part in table.partitions if part.kind == ROOT_X86_64]
    for part in table.partitions:
        if part not in slots:
            wanted.append(Extent(part.start, part.size))
            continue
        holds = any(part.start <= one.at < part.start + part.size for one in manifest.ranges)
        wanted.append(Extent(part.start, min(part.size, manifest.slot.size if holds else WIPED)))
    covered = [Extent(one.at, one.size) for one in manifest.ranges]
    return tuple(minus(_joined(wanted), covered))


def minus(extents: Iterable[Extent], covered: Iterable[Extent]) -> Iterator[Extent]:
    """What is left of extents in order and apart when others, in order too, are taken away."""
    taken = list(covered)
    for extent in extents:
        at = extent.at
        for one in taken:
            if one.end <= at or one.at >= extent.end:
                continue
            if one.at > at:
                yield Extent(at, one.at - at)
            at = max(at, one.end)
        if at < extent.end:
            yield Extent(at, extent.end - at)


def _joined(extents: Iterable[Extent]) -> list[Extent]:
    joined: list[Extent] = []
    for one in sorted(extents, key=lambda extent: extent.at):
        if joined and one.at <= joined[-1].end:
            joined[-1] = Extent(joined[-1].at, max(joined[-1].end, one.end) - joined[-1].at)
        else:
            joined.append(one)
    return joined

"""Is a medium, or the disk of a running system, still what was signed?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from firmware import gpt
from firmware.flashing import Progress, Tell
from firmware.gpt import BIOS_BOOT, ROOT_X86_64, SECTOR, Partition, Table, TableError
from firmware.layout import HEAD, TAIL, tables
from firmware.manifest import Manifest, Range
from firmware.medium import Medium, MediumError


@dataclass(frozen=True, slots=True)
class Part:
    """`wrong` of `ranges` differ from what was signed. `lasting`: nothing but an update changes it."""

    name: str
    ranges: int
    wrong: int
    lasting: bool

    @property
    def good(self) -> bool:
        return not (self.wrong and self.lasting)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`table`: what is wrong with the partition table; empty when it is whole."""

    table: str
    parts: tuple[Part, ...]

    @property
    def good(self) -> bool:
        return not self.table and all(part.good for part in self.parts)


def verify(medium: Medium, manifest: Manifest, tell: Tell) -> Verdict:
    """Each signed byte is read past the page cache; boot code and table are not signed ones. Raises
    MediumError when not even the table can be read."""
    try:
        table = whole_table(medium)
    except TableError as exc:
        return Verdict(str(exc), ())
    began, done, wrong = time.monotonic(), 0, set()
    for one in manifest.ranges:
        if not _is_kept(medium, manifest, one):
            wrong.add(one.at)
        done += one.size
        tell(Progress("verifying", done, manifest.mapped, time.monotonic() - began))
    return Verdict("", parts(manifest, table, {one.at: one.at in wrong for one in manifest.ranges}))


def parts(manifest: Manifest, table: Table, wrong: Mapping[int, bool]) -> tuple[Part, ...]:
    """By partition, in the order of the disk. `wrong`: by the first byte of each range. Pure."""
    found = []
    for part in sorted(table.partitions, key=lambda one: one.first):
        inside = [one for one in manifest.ranges if _touches(one, part)]
        if inside:
            lasting = part.kind in (BIOS_BOOT, ROOT_X86_64)
            found.append(Part(part.name, len(inside), sum(wrong[one.at] for one in inside), lasting))
    return tuple(found)


def whole_table(medium: Medium) -> Table:
    """Raises TableError when the table or its copy is damaged, or they differ."""
    if medium.size < 2 * HEAD:
        raise TableError("there is no room for a partition table")
    table = gpt.read(medium.read(0, HEAD))
    size = table.sectors * SECTOR
    if size > medium.size:
        raise TableError(f"the partition table is of a disk of {size} bytes, this one has {medium.size}")
    if medium.read(size - TAIL, TAIL) != table.backup():
        raise TableError("the copy of the partition table is damaged")
    return table


def _touches(one: Range, part: Partition) -> bool:
    return one.at < part.start + part.size and part.start < one.end


def _is_kept(medium: Medium, manifest: Manifest, one: Range) -> bool:
    """What lies where the tables are is another on each medium, and is judged by `whole_table`."""
    if any(one.at < table.end and table.at < one.end for table in tables(manifest.size)):
        return True
    try:
        return medium.sha256(one.at, one.size) == one.sha256
    except MediumError:
        return False

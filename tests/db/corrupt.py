"""Damage for a store, the same for the same seed: every kind that disks, programs and people have made."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pysqlite3

from db.salvage.chains import freelist
from db.salvage.format import FormatError, Kind, page_head
from db.salvage.pages import Pages

SIZE = 4096


@dataclass(slots=True)
class Patient:
    """The bytes of a store, and what its pages are. `foreign`: pages of another store of the same program."""

    data: bytearray
    dice: random.Random
    kinds: dict[int, Kind] = field(default_factory=dict)
    roots: dict[str, int] = field(default_factory=dict)
    free: set[int] = field(default_factory=set)
    foreign: bytes = b""

    @property
    def count(self) -> int:
        return len(self.data) // SIZE

    def write(self, page: int, content: bytes, at: int = 0) -> None:
        start = (page - 1) * SIZE + at
        self.data[start : start + len(content)] = content

    def some(self, count: int) -> list[int]:
        """Pages from all over the store, the first one left alone."""
        return self.dice.sample(range(2, self.count + 1), min(count, self.count - 1))

    def of(self, *kinds: Kind) -> list[int]:
        return [page for page, kind in self.kinds.items() if kind in kinds]


def patient(path: Path, seed: int, foreign: Path | None = None) -> Patient:
    """A store laid on the table. It must be sound, its log folded in."""
    found = Patient(bytearray(path.read_bytes()), random.Random(seed))
    with Pages(path, None) as pages:
        found.free = freelist(pages)[0]
        for number in range(1, pages.count + 1):
            try:
                kind = page_head(pages.read(number) or b"", 100 if number == 1 else 0, SIZE).kind
            except FormatError:
                continue
            if number not in found.free:
                found.kinds[number] = kind
    raw = pysqlite3.connect(str(path))
    found.roots = dict(raw.execute("SELECT name, rootpage FROM sqlite_master"))
    raw.close()
    found.foreign = foreign.read_bytes() if foreign is not None else b""
    return found


def random_pages(p: Patient, count: int = 64) -> None:
    for page in p.some(count):
        p.write(page, p.dice.randbytes(SIZE))


def bit_flips(p: Patient, count: int = 200) -> None:
    for _ in range(count):
        p.data[p.dice.randrange(SIZE, len(p.data))] ^= 1 << p.dice.randrange(8)


def torn_pages(p: Patient, count: int = 32) -> None:
    """The first or the last sectors of a page are those of something else."""
    for page in p.some(count):
        cut = 512 * p.dice.randrange(1, 8)
        other = p.some(1)[0]
        junk = p.dice.choice(
            (bytes(SIZE), p.dice.randbytes(SIZE), bytes(p.data[(other - 1) * SIZE : other * SIZE]))
        )
        if p.dice.random() < 0.5:
            p.write(page, junk[cut:], cut)
        else:
            p.write(page, junk[:cut])


def zeroed_run(p: Patient, count: int = 64) -> None:
    first = p.dice.randrange(2, max(3, p.count - count))
    p.write(first, bytes(min(count, p.count - first + 1) * SIZE))


def truncated(p: Patient) -> None:
    del p.data[len(p.data) * 3 // 4 + p.dice.randrange(SIZE) :]


def header(p: Patient) -> None:
    p.write(1, bytes(100))


def page_one(p: Patient) -> None:
    p.write(1, p.dice.randbytes(SIZE))


def schema(p: Patient) -> None:
    """The whole tree of the schema: page 1 and what it refers to."""
    head = page_head(bytes(p.data[:SIZE]), 100, SIZE)
    for at in head.cells if head.kind is Kind.TABLE_INTERIOR else ():
        p.write(int.from_bytes(p.data[at : at + 4], "big"), bytes(SIZE))
    if head.right:
        p.write(head.right, bytes(SIZE))
    p.write(1, bytes(SIZE - 100), 100)


def roots(p: Patient) -> None:
    """Those of tables that have more pages than their root: the roots of the others hold rows."""
    for page in p.roots.values():
        if p.kinds.get(page) in (Kind.TABLE_INTERIOR, Kind.INDEX_INTERIOR):
            p.write(page, p.dice.randbytes(SIZE))


def interiors(p: Patient) -> None:
    """Half of the interior pages, page 1 apart."""
    found = [page for page in p.of(Kind.TABLE_INTERIOR, Kind.INDEX_INTERIOR) if page > 1]
    for page in p.dice.sample(found, len(found) // 2):
        p.write(page, p.dice.randbytes(SIZE))


def free_pages(p: Patient) -> None:
    """The list of free pages, its trunk and what it names."""
    for page in p.free:
        p.write(page, p.dice.randbytes(SIZE))


def index_leaves(p: Patient, count: int = 20) -> None:
    found = p.of(Kind.INDEX_LEAF)
    for page in p.dice.sample(found, min(count, len(found))):
        p.write(page, p.dice.randbytes(SIZE))


def foreign_pages(p: Patient, count: int = 16) -> None:
    """Pages of another store of the same program, and pages of this one, where they do not belong."""
    for page in p.some(count):
        source = p.foreign if p.foreign and p.dice.random() < 0.5 else p.data
        other = p.dice.randrange(1, len(source) // SIZE)
        p.write(page, bytes(source[other * SIZE : (other + 1) * SIZE]))


def disaster(p: Patient) -> None:
    header(p)
    random_pages(p, 16)
    free_pages(p)
    del p.data[len(p.data) * 49 // 50 :]


def noise(p: Patient) -> None:
    """A bit of everything, for the fuzz."""
    for _ in range(p.dice.randrange(1, 12)):
        at = p.dice.randrange(len(p.data))
        what = p.dice.randrange(5)
        if what == 0:
            p.data[at] = p.dice.randrange(256)
        elif what == 1:
            p.data[at : at + p.dice.randrange(200)] = p.dice.randbytes(p.dice.randrange(200))
        elif what == 2:
            start = at // SIZE * SIZE  # the header of a page
            p.data[start + p.dice.randrange(12)] = p.dice.randrange(256)
        elif what == 3:
            del p.data[at : at + p.dice.randrange(5000)]
            p.data += b"" if len(p.data) > SIZE else bytes(SIZE)
        else:
            length = p.dice.randrange(3 * SIZE)
            other = p.dice.randrange(len(p.data))
            p.data[at : at + length] = p.data[other : other + length]


DAMAGES: dict[str, Callable[[Patient], None]] = {
    "8 random pages": lambda p: random_pages(p, 8),
    "64 random pages": random_pages,
    "200 bit flips": bit_flips,
    "32 torn pages": torn_pages,
    "64 pages zeroed in a row": zeroed_run,
    "truncated at 75 %": truncated,
    "header zeroed": header,
    "page 1 random": page_one,
    "schema zeroed": schema,
    "roots random": roots,
    "half of the interior pages": interiors,
    "free list random": free_pages,
    "20 index leaves": index_leaves,
    "16 foreign pages": foreign_pages,
    "header, 16 pages, free list, tail": disaster,
}


def damaged(
    sound: Path, into: Path, damage: Callable[[Patient], None], seed: int, foreign: Path | None = None
) -> Path:
    """A damaged copy of a store."""
    p = patient(sound, seed, foreign)
    damage(p)
    into.write_bytes(p.data)
    return into


def flipped_log(wal: Path, into: Path, seed: int, bits: int = 1) -> Path:
    """A log with flipped bits, its header left alone."""
    dice = random.Random(seed)
    data = bytearray(wal.read_bytes())
    for _ in range(bits):
        data[dice.randrange(32, len(data))] ^= 1 << dice.randrange(8)
    into.write_bytes(data)
    return into


def with_log(path: Path, into: Path, change: Callable[[object], Iterator[None] | None]) -> tuple[Path, Path]:
    """A copy of a store as a power cut leaves it: `change` committed and still in the log."""
    work = into.with_name(into.name + ".work")
    shutil.copy(path, work)
    raw = pysqlite3.connect(str(work), isolation_level=None)
    try:
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA wal_autocheckpoint=0")
        change(raw)
        shutil.copy(work, into)
        log = into.with_name(into.name + ".log")  # under this name SQLite does not fold it in
        shutil.copy(work.with_name(work.name + "-wal"), log)
    finally:
        raw.close()
    return into, log

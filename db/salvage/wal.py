"""The write-ahead log beside a SQLite file: which page it holds where, and which frames are damaged.

Source: sqlite.org/fileformat2.html, section 4. SQLite itself stops at the first frame that is wrong and drops
all that was committed after it. Each frame's checksum begins with the one *stored* in the frame before it, so
here each is checked by itself, and one wrong frame costs one page.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from db.salvage.mending import one_bit

_MAGICS = {0x377F0682: "<", 0x377F0683: ">"}
_HEADER = 32
_FRAME_HEADER = 24
_LOOK_AT = 64
_MEND_AT_MOST = 100
"""Wrong frames in which a flipped bit is looked for (some 20 ms each)."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """`places`: where in the log each page's newest committed state begins; `size`: pages of the store after
    the last commit, None when no whole commit says so. `mended`: pages in which one flipped bit could be put
    right, with the byte and the mask; `suspect`: pages that are wrong and could not.
    """

    page_size: int | None = None
    places: Mapping[int, int] = field(default_factory=dict)
    size: int | None = None
    mended: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    suspect: frozenset[int] = frozenset()
    frames: int = 0
    bad_frames: tuple[int, ...] = ()


def read(path: Path | None) -> Overlay:
    """What the log adds. An empty one adds nothing; damage raises nothing."""
    if path is None or not path.is_file():
        return Overlay()
    with path.open("rb") as file:
        header = file.read(_HEADER)
        length = path.stat().st_size
        page_size = _page_size(file, header, length)
        if page_size is None:
            return Overlay()
        return _frames(file, header, page_size, length)


def _page_size(file: BinaryIO, header: bytes, length: int) -> int | None:
    """As the header says, or, where it cannot be right, as the distance of equal salts says."""
    if len(header) < _HEADER:
        return None
    said = int.from_bytes(header[8:12], "big")
    sizes = [1 << power for power in range(9, 17)]
    if said in sizes:
        sizes.insert(0, said)
    for size in sizes:
        salts = [_salt(file, size, index) for index in range(min(_LOOK_AT, _count(length, size)))]
        if salts and salts[0] != bytes(8) and (salts[0] == header[16:24] or salts[1:2] == salts[:1]):
            return size
    return None


def _count(length: int, page_size: int) -> int:
    return max(0, length - _HEADER) // (page_size + _FRAME_HEADER)


def _salt(file: BinaryIO, page_size: int, index: int) -> bytes:
    file.seek(_HEADER + index * (page_size + _FRAME_HEADER) + 8)
    return file.read(8)


def _order(file: BinaryIO, header: bytes, page_size: int) -> str:
    """The byte order of the checksums: as the magic number says, or else that by which a frame is right."""
    said = _MAGICS.get(int.from_bytes(header[:4], "big"))
    if said:
        return said
    file.seek(_HEADER)
    raw = file.read(2 * (page_size + _FRAME_HEADER))
    seed, second = raw[16:24], raw[page_size + _FRAME_HEADER :]
    for order in "<>":
        if len(second) > _FRAME_HEADER and _sum(order, seed, second) == struct.unpack(">II", second[16:24]):
            return order
    return "<"


def _frames(file: BinaryIO, header: bytes, page_size: int, length: int) -> Overlay:
    order = _order(file, header, page_size)
    count = _count(length, page_size)
    first = Counter(_salt(file, page_size, index) for index in range(min(3, count)))
    salt = header[16:24] if header[16:24] in first else max(first, key=first.__getitem__, default=b"")
    walk = _Walk(order, page_size, seed=header[24:32])
    file.seek(_HEADER)
    for index in range(count):
        frame = file.read(page_size + _FRAME_HEADER)
        following = _salt(file, page_size, index + 1) if frame[8:16] != salt else b""
        file.seek(_HEADER + (index + 1) * (page_size + _FRAME_HEADER))
        if frame[8:16] != salt and following != salt:
            break  # what follows is of an earlier round of the log
        walk.take(index, frame)
    return walk.overlay()


class _Walk:
    """Frame after frame; what a commit has not closed does not count."""

    def __init__(self, order: str, page_size: int, seed: bytes) -> None:
        self._order = order
        self._page_size = page_size
        self._seed = seed
        self._places: dict[int, int] = {}
        self._mended: dict[int, tuple[int, int]] = {}
        self._suspect: set[int] = set()
        self._open: dict[int, tuple[int, tuple[int, int] | None, bool]] = {}
        self._size: int | None = None
        self._frames = 0
        self._bad: list[int] = []

    def take(self, index: int, frame: bytes) -> None:
        seed, stored = self._seed, struct.unpack(">II", frame[16:24])
        self._seed = frame[16:24]
        number, commit = struct.unpack(">II", frame[:8])
        found = _sum(self._order, seed, frame)
        place = _HEADER + index * (self._page_size + _FRAME_HEADER) + _FRAME_HEADER
        bit: tuple[int, int] | None = None
        wrong = found != stored
        if wrong:
            self._bad.append(index + 1)
        if wrong and sum((a ^ b).bit_count() for a, b in zip(found, stored, strict=True)) == 1:
            self._seed = struct.pack(">II", *found)  # the flipped bit is in the checksum itself
            wrong = False
        elif wrong and len(self._bad) <= _MEND_AT_MOST:
            body = frame[:8] + frame[_FRAME_HEADER:]
            mended = one_bit(self._order, found, stored, body)
            if mended is not None and mended[0] < 8:  # the page's number, or the commit mark
                head = bytearray(frame[:8])
                head[mended[0]] ^= mended[1]
                number, commit = struct.unpack(">II", head)
            elif mended is not None:
                bit = (mended[0] - 8, mended[1])
            wrong = mended is None
        if not wrong or 0 < number <= 0x7FFFFFFF:
            self._open[number] = (place, bit, wrong)
        if commit and (not wrong or commit < 0x7FFFFFFF):
            self._commit(index, commit, wrong=wrong)

    def _commit(self, index: int, size: int, *, wrong: bool) -> None:
        for number, (place, bit, bad) in self._open.items():
            self._places[number] = place
            self._mended.pop(number, None)
            self._suspect.discard(number)
            if bit is not None:
                self._mended[number] = bit
            if bad:
                self._suspect.add(number)
        self._open.clear()
        self._frames = index + 1
        if not wrong:
            self._size = size

    def overlay(self) -> Overlay:
        places, size = self._places, self._size
        if size is not None:
            places = {number: place for number, place in places.items() if number <= size}
        return Overlay(
            self._page_size, places, size, self._mended, frozenset(self._suspect & places.keys()),
            self._frames, tuple(self._bad),
        )  # fmt: skip


def _sum(order: str, seed: bytes, frame: bytes) -> tuple[int, int]:
    """The checksum over a frame's first 8 bytes and its page, begun with the one stored before it."""
    return checksum(order, struct.unpack(">II", seed), frame[:8] + frame[_FRAME_HEADER:])


def checksum(order: str, seed: tuple[int, ...], body: bytes) -> tuple[int, int]:
    """4.2 Checksum Algorithm. `order`: of the words, as `struct` says it."""
    one, two = seed
    words = struct.unpack(f"{order}{len(body) // 4}I", body)
    for index in range(0, len(words), 2):
        one = (one + words[index] + two) & 0xFFFFFFFF
        two = (two + words[index + 1] + one) & 0xFFFFFFFF
    return one, two

"""The pages of a damaged store, the write-ahead log laid over them."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from db.salvage import wal
from db.salvage.format import MAGIC, FormatError, page_head

SIZES = tuple(1 << power for power in range(9, 17))
_KEPT = 256
_SAMPLE = 512


class Pages:
    """Reads only. Pages are numbered from 1; one that is not there is None."""

    def __init__(self, path: Path, wal_path: Path | None) -> None:
        self.overlay = wal.read(wal_path)
        self._file: BinaryIO = path.open("rb")
        self._wal: BinaryIO | None = None
        try:
            if wal_path is not None and self.overlay.places:
                self._wal = wal_path.open("rb")
            self._length = path.stat().st_size
            header = self._file.read(100)
            self.size = self.overlay.page_size or _page_size(self._file, header, self._length)
        except BaseException:
            self.close()
            raise
        self._kept: OrderedDict[int, bytes | None] = OrderedDict()
        in_file = -(-self._length // self.size)
        highest = max(self.overlay.places, default=0)
        self.count = self.overlay.size or max(in_file, min(highest, in_file + len(self.overlay.places)))
        header = (self.read(1) or b"")[:100]
        self.header_sound = _sound(header)
        self.usable = self.size - (header[20] if self.header_sound and header[20] <= 32 else 0)

    def read(self, number: int) -> bytes | None:
        """The page, filled up with zeros where the file ends within it."""
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        data = self._read(number) if 0 < number <= self.count else None
        self._kept[number] = data
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return data

    def _read(self, number: int) -> bytes | None:
        place = self.overlay.places.get(number)
        file = self._file
        if place is None or self._wal is None:
            place = (number - 1) * self.size
        else:
            file = self._wal
        file.seek(place)
        data = file.read(self.size)
        if not data:
            return None
        data = data.ljust(self.size, b"\0")
        flipped = self.overlay.mended.get(number)
        if flipped is not None:
            byte, mask = flipped
            data = data[:byte] + bytes([data[byte] ^ mask]) + data[byte + 1 :]
        return data

    def close(self) -> None:
        self._file.close()
        if self._wal is not None:
            self._wal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _said_size(header: bytes) -> int:
    said = int.from_bytes(header[16:18], "big")
    return 65536 if said == 1 else said


def _sound(header: bytes) -> bool:
    """The header says what every SQLite file says (1.3: magic, payload fractions, encoding UTF-8)."""
    return (
        len(header) == 100
        and header[:16] == MAGIC
        and _said_size(header) in SIZES
        and header[21:24] == b"\x40\x20\x20"
        and header[56:60] == b"\0\0\0\1"
    )


def _page_size(file: BinaryIO, header: bytes, length: int) -> int:
    """The header's, if the pages agree; else the smallest by which nearly as many look right as by any."""
    shares = {size: _share(file, size, length) for size in SIZES}
    best = max(shares.values())
    said = _said_size(header)
    if said in SIZES and (not best or shares[said] >= 0.75 * best) and header[:16] == MAGIC:
        return said
    return next(size for size in SIZES if shares[size] >= 0.75 * best) if best else 4096


def _share(file: BinaryIO, size: int, length: int) -> float:
    """The share of pages, of some hundred from all over the file, that look like b-tree pages."""
    count = length // size
    step = max(1, count // _SAMPLE)
    good = looked = 0
    for index in range(1, count, step):
        file.seek(index * size)
        data = file.read(size)
        if len(data) == size and any(data[:8]):
            looked += 1
            try:
                cells = page_head(data, 0, size).cells
                # A page is filled from its end; one without cells says where that is.
                good += max(cells) >= size // 2 if cells else data[5:7] == (size % 65536).to_bytes(2, "big")
            except FormatError:
                continue
    return good / looked if looked else 0.0

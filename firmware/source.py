"""The ranges of an image, in memory that can go to a medium as it is.

What can be asked again is not hashed on its way in: it is read back from the medium anyway, and only where
that is another than was signed the image is looked at, to tell which of the two is at fault.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from firmware.layout import HEAD, tables
from firmware.manifest import LARGEST_RANGE, Manifest, Range

CHUNK = 4 << 20


class SourceError(Exception):
    """The image is not what its manifest says; the text says where, and what to do."""


@dataclass(frozen=True, slots=True)
class Piece:
    """`data`: what the image has of `range`. `room`: the memory that it lies in."""

    range: Range
    data: memoryview
    room: mmap.mmap


class Source:
    """`image`: from its first byte on; it need not be able to seek. One thread reads it; pieces may be given
    back by any. Raises SourceError."""

    def __init__(self, image: BinaryIO, manifest: Manifest) -> None:
        self._image = image
        self._manifest = manifest
        self._seeks = image.seekable()
        self._at = 0
        self._rooms: list[mmap.mmap] = []
        self._first: Piece | None = None

    def head(self) -> bytes:
        """The boot code and the table of the image, which are in its first range. Once, before all ranges."""
        first = self._manifest.ranges[0]
        if first.at or self._first is not None:
            raise SourceError("the image begins with nothing")
        self._first = self._piece(first)
        return bytes(self._first.data[:HEAD]).ljust(HEAD, b"\0")

    def pieces(self) -> Iterator[Piece]:
        """Each range, in order. Give it back when it has been written."""
        for one in self._manifest.ranges:
            first, self._first = self._first, None
            yield first if first is not None else self._piece(one)

    def give_back(self, piece: Piece) -> None:
        """Its memory is used again: fresh memory costs more than reading."""
        self._rooms.append(piece.room)

    def is_damaged(self, one: Range) -> bool:
        """Whether the image has something else there than its manifest says."""
        if not self._seeks:
            return False
        self._image.seek(one.at - self._at, os.SEEK_CUR)
        self._at = one.at
        piece = self._read(one)
        wrong = hashlib.sha256(piece.data).hexdigest() != one.sha256
        self.give_back(piece)
        return wrong

    def _piece(self, one: Range) -> Piece:
        self._skip(one.at - self._at)
        piece = self._read(one)
        if self._is_hashed_now(one) and hashlib.sha256(piece.data).hexdigest() != one.sha256:
            raise damaged(one)
        return piece

    def _is_hashed_now(self, one: Range) -> bool:
        """The tables are used before anything is read back, and never written as they are."""
        return not self._seeks or any(
            one.at < table.end and table.at < one.end for table in tables(self._manifest.size)
        )

    def _skip(self, size: int) -> None:
        if self._seeks:
            self._image.seek(size, os.SEEK_CUR)
            self._at += size
            return
        with _drain(self._image) as drain:
            while size and (gone := drain(min(size, CHUNK))):
                self._at += gone
                size -= gone

    def _read(self, one: Range) -> Piece:
        room = self._rooms.pop() if self._rooms else mmap.mmap(-1, LARGEST_RANGE)
        data = memoryview(room)[: one.size]
        read = 0
        while read < one.size and (size := self._image.readinto(data[read:])):  # type: ignore[attr-defined]
            read += size
        self._at += read
        if read < one.size:
            raise SourceError(f"the image ends at byte {self._at}: get it again")
        return Piece(one, data, room)


@contextmanager
def _drain(image: BinaryIO) -> Iterator[Callable[[int], int]]:
    """What takes bytes out of it that nobody wants, and says how many. The zeros of an image are ten times of
    what is written: those of a pipe need not be copied to be thrown away."""
    if not _is_pipe(image):
        yield lambda size: len(image.read(size))
        return
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        yield lambda size: os.splice(image.fileno(), nowhere, size)
    finally:
        os.close(nowhere)


def _is_pipe(image: BinaryIO) -> bool:
    """One that has nothing in a buffer of its own."""
    return isinstance(image, io.FileIO) and stat.S_ISFIFO(os.fstat(image.fileno()).st_mode)


def damaged(one: Range) -> SourceError:
    return SourceError(f"the image is damaged at byte {one.at}: get it again")

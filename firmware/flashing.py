"""Writes an image to a medium, reads it back, and only then makes it one that boots.

Whoever interrupts it, or finds a faulty medium, has one without a partition table: it boots nothing by
mistake.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

from firmware import gpt
from firmware.gpt import SECTOR, Table, TableError
from firmware.layout import HEAD, TAIL, Extent, tables, without_tables, zeros
from firmware.manifest import Manifest, Range
from firmware.medium import Medium

CHUNK = 4 << 20
PENDING = 3
"""Ranges that wait to be written while the next ones are unpacked and checked: bounds the memory."""
WRITERS = 2
"""The medium has the next range already when it is done with one."""
READERS = 2
"""One range is hashed while the next one comes from the medium."""


class FlashError(Exception):
    """The image was not written; the text says why, and what the medium is now."""


@dataclass(frozen=True, slots=True)
class Progress:
    """`doing`: erasing, writing, reading back. `done` of `of` bytes, `seconds` after its beginning."""

    doing: str
    done: int
    of: int
    seconds: float

    @property
    def speed(self) -> float:
        """Bytes in a second; 0.0 when nobody can say."""
        return self.done / self.seconds if self.seconds > 0.05 else 0.0

    @property
    def left_s(self) -> float | None:
        return (self.of - self.done) / self.speed if self.speed else None


Tell = Callable[[Progress], None]
UNFINISHED = "no partition table was written: the medium boots nothing"


def flash(
    image: BinaryIO,
    manifest: Manifest,
    medium: Medium,
    tell: Tell,
    guid: Callable[[], uuid.UUID] = uuid.uuid4,
) -> None:
    """`image`: its bytes from the first on; it need not be able to seek. `guid`: a fresh one for the disk and
    each partition, so that two media in one machine are told apart. Raises FlashError, MediumError."""
    for table in tables(medium.size):
        medium.zero(table.at, table.size)
    medium.sync()
    source = _Source(image, manifest)
    head = source.head()
    try:
        layout = gpt.read(head)
        own = layout.on(medium.size // SECTOR, guid)
    except TableError as exc:
        raise FlashError(f"the image has no good partition table: {exc}; {UNFINISHED}") from exc
    _erase(medium, zeros(manifest, layout, medium.size), tell)
    written = _write(source, manifest, medium, tell)
    medium.sync()
    _read_back(written, medium, tell)
    _finish(medium, own, head)


class _Source:
    """The ranges of an image, each checked before it is given out."""

    def __init__(self, image: BinaryIO, manifest: Manifest) -> None:
        self._image = image
        self._manifest = manifest
        self._at = 0
        self._first: bytes | None = None

    def head(self) -> bytes:
        """The boot code and the table of the image, which are in its first range."""
        first = self._manifest.ranges[0]
        if first.at or self._first is not None:
            raise FlashError(f"the image begins with nothing; {UNFINISHED}")
        self._first = self._range(first)
        return self._first[:HEAD].ljust(HEAD, b"\0")

    def ranges(self) -> Iterator[tuple[Range, bytes]]:
        for one in self._manifest.ranges:
            if one.at == 0 and self._first is not None:
                yield one, self._first
                self._first = None
            else:
                yield one, self._range(one)

    def _range(self, one: Range) -> bytes:
        self._skip(one.at - self._at)
        data = self._read(one.size)
        self._at += len(data)
        if len(data) < one.size:
            raise FlashError(f"the image ends at byte {self._at}: get it again; {UNFINISHED}")
        if hashlib.sha256(data).hexdigest() != one.sha256:
            raise FlashError(f"the image is damaged at byte {one.at}: get it again; {UNFINISHED}")
        return data

    def _skip(self, size: int) -> None:
        if self._image.seekable():
            self._image.seek(size, os.SEEK_CUR)
            self._at += size
            return
        while size and (data := self._image.read(min(size, CHUNK))):
            self._at += len(data)
            size -= len(data)

    def _read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size and (part := self._image.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _erase(medium: Medium, extents: tuple[Extent, ...], tell: Tell) -> None:
    clock = _Clock("erasing", sum(one.size for one in extents), tell)
    for extent in extents:
        for at in range(extent.at, extent.end, 16 * CHUNK):
            size = min(16 * CHUNK, extent.end - at)
            medium.zero(at, size)
            clock.add(size)


def _write(source: _Source, manifest: Manifest, medium: Medium, tell: Tell) -> tuple[Range, ...]:
    """The ranges as they are on the medium now."""
    clock = _Clock("writing", manifest.mapped, tell)
    written = []
    pending: deque[tuple[Future[None], int]] = deque()

    def wait(left: int) -> None:
        while len(pending) > left:
            done, size = pending.popleft()
            done.result()
            clock.add(size)

    with ThreadPoolExecutor(WRITERS) as writers:
        for one, data in source.ranges():
            kept = without_tables(manifest, one.at, data)
            digest = one.sha256 if kept is data else hashlib.sha256(kept).hexdigest()
            written.append(Range(one.at, one.size, digest))
            wait(PENDING - 1)
            pending.append((writers.submit(medium.write, one.at, kept), one.size))
        wait(0)
    return tuple(written)


def _read_back(written: tuple[Range, ...], medium: Medium, tell: Tell) -> None:
    clock = _Clock("reading back", sum(one.size for one in written), tell)
    wrong = []
    with ThreadPoolExecutor(READERS) as readers:
        try:
            for one, digest in zip(
                written, readers.map(lambda one: medium.sha256(one.at, one.size), written), strict=True
            ):
                if digest != one.sha256:
                    wrong.append(one.at)
                clock.add(one.size)
        except BaseException:  # else all of it would be read before anybody hears of it
            readers.shutdown(cancel_futures=True)
            raise
    if wrong:
        raise FlashError(
            f"{len(wrong)} of {len(written)} ranges read back differently, the first one at byte {wrong[0]}: "
            f"the medium is faulty, take another one; {UNFINISHED}"
        )


def _finish(medium: Medium, table: Table, head: bytes) -> None:
    """The copy first: a table without its copy would be told from one that is whole by nobody."""
    primary, backup = table.primary(head[:440]), table.backup()
    for at, data in ((medium.size - TAIL, backup), (0, primary)):
        medium.write(at, data)
        medium.sync()
        if medium.read(at, len(data)) != data:
            medium.zero(0, HEAD)
            medium.sync()
            raise FlashError(
                "the partition table read back differently: the medium is faulty, take another one"
            )
    medium.renew_table()


class _Clock:
    def __init__(self, doing: str, of: int, tell: Tell) -> None:
        self._doing, self._of, self._tell = doing, of, tell
        self._began = time.monotonic()
        self._done = 0

    def add(self, size: int) -> None:
        self._done += size
        self._tell(Progress(self._doing, self._done, self._of, time.monotonic() - self._began))

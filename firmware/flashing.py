"""Writes an image to a medium, reads it back, and only then makes it one that boots.

Whoever interrupts it, or finds a faulty medium, has one without a partition table: it boots nothing by
mistake.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

from firmware import gpt
from firmware.gpt import SECTOR, Table, TableError
from firmware.layout import HEAD, TAIL, Extent, tables, without_tables, zeros
from firmware.manifest import Manifest, Range
from firmware.medium import Medium
from firmware.source import Piece, Source, SourceError, damaged

ERASED = 64 << 20
"""Bytes at a time: after each somebody may be told."""
PENDING = 3
"""Ranges that wait to be written while the next ones are read: bounds the memory."""
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
    source = Source(image, manifest)
    try:
        head = source.head()
        layout = gpt.read(head)
        own = layout.on(medium.size // SECTOR, guid)
        _erase(medium, zeros(manifest, layout, medium.size), tell)
        written = _write(source, manifest, medium, tell)
        medium.sync()
        _read_back(source, manifest, written, medium, tell)
    except TableError as exc:
        raise FlashError(f"the image has no good partition table: {exc}; {UNFINISHED}") from exc
    except SourceError as exc:
        raise FlashError(f"{exc}; {UNFINISHED}") from exc
    _finish(medium, own, head)


def _erase(medium: Medium, extents: tuple[Extent, ...], tell: Tell) -> None:
    clock = _Clock("erasing", sum(one.size for one in extents), tell)
    for extent in extents:
        for at in range(extent.at, extent.end, ERASED):
            size = min(ERASED, extent.end - at)
            medium.zero(at, size)
            clock.add(size)


def _write(source: Source, manifest: Manifest, medium: Medium, tell: Tell) -> tuple[Range, ...]:
    """The ranges as they are to be on the medium now."""
    clock = _Clock("writing", manifest.mapped, tell)
    written = []
    pending: deque[tuple[Future[None], Piece]] = deque()

    def wait(left: int) -> None:
        while len(pending) > left:
            done, piece = pending.popleft()
            done.result()
            clock.add(piece.range.size)
            source.give_back(piece)

    with ThreadPoolExecutor(WRITERS) as writers:
        for piece in source.pieces():
            one = piece.range
            kept = without_tables(manifest, one.at, piece.data)
            digest = one.sha256 if kept is piece.data else hashlib.sha256(kept).hexdigest()
            written.append(Range(one.at, one.size, digest))
            wait(PENDING - 1)
            pending.append((writers.submit(medium.write, one.at, kept), piece))
        wait(0)
    return tuple(written)


def _read_back(
    source: Source, manifest: Manifest, written: tuple[Range, ...], medium: Medium, tell: Tell
) -> None:
    """Raises SourceError where it was the image that is not what was signed."""
    wrong = _different(written, medium, tell)
    for at in wrong:
        signed = next(one for one in manifest.ranges if one.at == at)
        if source.is_damaged(signed):
            raise damaged(signed)
    if wrong:
        raise FlashError(
            f"{len(wrong)} of {len(written)} ranges read back differently, the first one at byte {wrong[0]}: "
            f"the medium is faulty, take another one; {UNFINISHED}"
        )


def _different(written: tuple[Range, ...], medium: Medium, tell: Tell) -> list[int]:
    """Where the ranges begin that are others on the medium."""
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
    return wrong


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

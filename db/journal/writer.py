"""Keeps the journal in step with the store: one record for each transaction, on the disk before its commit.

Called with the store's write lock held, which is the journal's lock too. The row of the table `journal` says
how far the journal is the store's; bytes after that come from a writer that was killed, or from a store that
is not the one that wrote them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.errors import StoreUnavailableError
from db.journal import capture, files
from db.journal.format import (
    MAGIC,
    Because,
    FormatError,
    Frames,
    Group,
    Header,
    Place,
    Record,
    frame,
    header_of,
    record_bytes,
    record_of,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Tail:
    """What lies after the store's place: the last whole record, if any; `answered`: how many of the records
    others build on, so that they had been committed; `torn`: bytes of no whole record follow."""

    seq: int
    crc: int
    end: int
    answered: int
    torn: bool


class _AnotherJournalError(Exception):
    """The file does not have the store's place."""


class Journal:
    """Use it from one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: files.Appender | None = None

    def keep(self, raw: Any) -> None:
        """Write down what the transaction under way on `raw` has changed. Raises StoreUnavailableError when
        that cannot be: it must be rolled back then."""
        changes = capture.take(raw)
        if not changes:
            return
        try:
            self._append(raw, changes)
        except OSError as exc:
            self._let_go()
            raise self._refusal(exc) from exc

    def rotate(self, raw: Any) -> Place:
        """Begin a new generation, in the transaction under way. Raises StoreUnavailableError."""
        try:
            place = place_of(raw)
            if place.generation and self._agrees(raw, place):
                place = place_of(raw)
                return self._begin(raw, Because.ROTATED, place, follows=place)
            return place_of(raw) if place.generation else self._begin(raw, Because.MADE, place)
        except OSError as exc:
            self._let_go()
            raise self._refusal(exc) from exc

    def close(self) -> None:
        self._let_go()

    def _append(self, raw: Any, changes: Sequence[Group]) -> None:
        place = place_of(raw)
        file, tail = self._at(raw, place)
        base = place_of(raw) if file.generation != place.generation else place
        record = Record(tail.seq + 1, base.seq, time.time(), changes)
        data, crc = frame(record_bytes(record), tail.crc)
        move(raw, Place(file.generation, record.seq, crc, tail.end + len(data)))
        file.append(data, tail.end)

    def _agrees(self, raw: Any, place: Place) -> bool:
        """Whether the file is in the store's generation; if not, another has been begun for a reason."""
        file, _ = self._at(raw, place)
        return file.generation == place.generation

    def _at(self, raw: Any, place: Place) -> tuple[files.Appender, _Tail]:
        """The file to append to, and after what; a new generation when store and journal do not agree."""
        fine = _Tail(place.seq, place.crc, place.end, 0, torn=False)
        if not place.generation:
            return self._new(raw, Because.MADE, place)
        known = self._file is not None and self._file.generation == place.generation
        file = self._open(place.generation)
        size = file.size() if file else None
        if file is None or size is None:
            return self._new(raw, Because.GONE, place)
        if not known and self._is_left_behind(place.generation):
            return self._new(raw, Because.BEHIND, place)
        if size == place.end:
            return file, fine
        if size < place.end:
            return self._new(raw, Because.AHEAD, place)
        try:
            tail = _tail(files.path_of(self.folder, place.generation), place)
        except (_AnotherJournalError, FormatError):
            return self._new(raw, Because.FOREIGN, place)
        if tail.answered:
            return self._new(raw, Because.BEHIND, Place(place.generation, tail.seq, tail.crc, tail.end))
        if tail.torn:
            log.warning("journal %s: %d bytes of a change that was never answered are cut off",
                        place.generation, size - tail.end)  # fmt: skip
            file.cut(tail.end)
        return file, tail

    def _open(self, generation: int) -> files.Appender | None:
        if self._file and self._file.generation == generation and self._file.size() is not None:
            return self._file
        self._let_go()
        try:
            self._file = files.Appender(self.folder, generation)
        except FileNotFoundError:
            return None
        return self._file

    def _is_left_behind(self, generation: int) -> bool:
        """Whether a later one has changes: the store was put back to what it had been before a rotation."""
        later = [each for each in files.generations(self.folder) if each > generation]
        return any(_has_records(self.folder, each) for each in later)

    def _new(self, raw: Any, because: Because, place: Place) -> tuple[files.Appender, _Tail]:
        begun = self._begin(raw, because, place)
        self._file = files.Appender(self.folder, begun.generation)
        return self._file, _Tail(begun.seq, begun.crc, begun.end, 0, torn=False)

    def _begin(self, raw: Any, because: Because, place: Place, *, follows: Place | None = None) -> Place:
        self._let_go()
        number = max([place.generation, *files.generations(self.folder)]) + 1
        tables = capture.kept_tables()
        header = Header(
            number, place.seq, time.time(), because, follows,
            {table.name: capture.columns_of(table) for table in tables},
            {table.name: capture.key_of(table) for table in tables},
        )  # fmt: skip
        begun = files.make(self.folder, header)
        move(raw, begun)
        if because in (Because.MADE, Because.ROTATED):
            log.info("journal: generation %d begins (%s)", number, because)
        else:
            log.error("journal: generation %d begins: %s", number, WORDS[because])
        return begun

    def _let_go(self) -> None:
        if self._file:
            self._file.close()
        self._file = None

    def _refusal(self, exc: OSError) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"nothing has been changed: the journal in {self.folder} cannot be written: "
            f"{exc.strerror or exc}",
            hint="make room there, or give journal_dir (CALLISTO_JOURNAL_DIR) a folder that belongs to"
            " the user who runs the appliance",
        )


WORDS = {
    Because.GONE: "the store's last generation was not there",
    Because.BEHIND: "the store lacks changes that had been answered and are in the journal",
    Because.AHEAD: "the journal lacks changes that the store has",
    Because.FOREIGN: "the journal that was there is of another store",
}


def place_of(raw: Any) -> Place:
    """Where the store is."""
    return Place(*raw.execute('SELECT generation, seq, crc, "end" FROM main.journal').fetchone())


def move(raw: Any, place: Place) -> None:
    raw.execute(
        'UPDATE main.journal SET generation = ?, seq = ?, crc = ?, "end" = ?',
        (place.generation, place.seq, place.crc, place.end),
    )


def _tail(path: Path, place: Place) -> _Tail:
    """Read whole: this comes after a crash, and what is cut off must be what the store's writer left."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise _AnotherJournalError
        frames = Frames(file)
        seq = header_of(next(frames, b"")).seq
        for payload in _until(frames, place.end):
            seq = record_of(payload).seq
        if (seq, frames.crc, frames.end) != (place.seq, place.crc, place.end):
            raise _AnotherJournalError
        answered = 0
        for payload in frames:
            record = record_of(payload)
            answered = max(answered, record.base - place.seq)
            seq = record.seq
        if frames.damaged:
            raise _AnotherJournalError
        return _Tail(seq, frames.crc, frames.end, answered, torn=not frames.whole)


def _until(frames: Frames, end: int) -> Sequence[bytes]:
    last: list[bytes] = []
    while frames.end < end:
        payload = next(frames, None)
        if payload is None:
            break
        last = [payload]
    return last


def _has_records(folder: Path, generation: int) -> bool:
    try:
        with files.path_of(folder, generation).open("rb") as file:
            file.seek(len(MAGIC))
            frames = Frames(file)
            return next(frames, None) is not None and next(frames, None) is not None
    except OSError:
        return False

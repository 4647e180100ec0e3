"""Takes call records from the router's spool into the store, each exactly once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from router import spool
from router.spool import SpoolFile

log = logging.getLogger(__name__)

BATCH = 500
BATCHES = 8
COUNTED = 4 << 20


class Calls(Protocol):
    """The store's side: `ingest` keeps records and position in one transaction."""

    def position(self, source: str) -> int: ...

    def ingest(
        self, source: str, offset: int, records: Iterable[Mapping[str, Any]], next_offset: int
    ) -> int: ...


class Ingest:
    """Call `turn` from one thread.

    A kill between any two steps loses nothing and doubles nothing: the position in the store says what has
    been taken in, and a file is deleted only when all of it has been.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._positions: dict[str, int] = {}

    def turn(self, calls: Calls) -> int:
        """Take in what is there, up to `BATCHES` batches of a file; how many records were new.

        Raises what the store raises, and OSError.
        """
        files = spool.pending(self._folder)
        names = {file.path.name for file in files}
        self._positions = {name: at for name, at in self._positions.items() if name in names}
        return sum(self._take(file, calls) for file in files)

    def pending(self) -> int:
        """Records that wait in the spool; estimated beyond the first `COUNTED` bytes of them."""
        unread = lines = counted = 0
        for file in spool.pending(self._folder):
            start = self._positions.get(file.path.name, 0)
            unread += max(0, file.size - start)
            if start < file.size and counted < COUNTED:
                part = _read(file.path, start, COUNTED - counted)
                lines, counted = lines + part.count(b"\n"), counted + len(part)
        return lines if counted >= unread else round(lines * unread / max(1, counted))

    def _take(self, file: SpoolFile, calls: Calls) -> int:
        name, new = file.path.name, 0
        if name not in self._positions:
            self._positions[name] = calls.position(name)
        for _ in range(BATCHES):
            if self._positions[name] >= file.size:
                break
            offset = self._positions[name]
            batch = spool.read_batch(file.path, offset, BATCH)
            if batch.damaged:
                log.error("%s: %d damaged call records after byte %d are lost", name, batch.damaged, offset)
            if batch.next_offset > offset:
                kept = calls.ingest(name, offset, batch.records, batch.next_offset)
                new += kept
                whole = kept and kept == len(batch.records)  # else it may be that somebody was quicker
                self._positions[name] = batch.next_offset if whole else calls.position(name)
            if self._positions[name] <= offset:
                break  # an unfinished line, or another process takes in this spool
        if file.finished:
            self._put_away(file)
        return new

    def _put_away(self, file: SpoolFile) -> None:
        """Delete a file to which nothing is added any more, if all whole records of it are in the store."""
        rest = spool.read_batch(file.path, self._positions[file.path.name], 1)
        if rest.records or rest.next_offset > self._positions[file.path.name]:
            return
        if rest.torn:
            log.error("%s: the last call record was never finished and is lost", file.path.name)
        file.path.unlink(missing_ok=True)


def _read(path: Path, start: int, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(length)
    except FileNotFoundError:  # taken in and deleted meanwhile
        return b""

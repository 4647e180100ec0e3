"""The routing table on its way from the supervisor to the router: one file, always whole."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from router.model import RoutingTable
from router.table import TableReader


def write(path: Path, text: bytes) -> None:
    """Replace the file at once: whoever reads it gets the old or the new table, after a power cut too. It
    holds passwords of PBXes: for its owner only."""
    neighbour = path.with_name(path.name + ".new")
    handle = os.open(neighbour, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)
    neighbour.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class RoutingFile:
    """The reader's side: notices a new file by its stat, and reads it a little at a time."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._seen: tuple[int, int, int] | None = None
        self._file: BinaryIO | None = None
        self._reader = TableReader()
        self._last: RoutingTable | None = None
        self._written: datetime | None = None

    @property
    def written(self) -> datetime | None:
        """When the table that was read last was written."""
        return self._written

    @property
    def is_reading(self) -> bool:
        """Whether `turn` has more to do at once."""
        return self._file is not None

    def look(self) -> RoutingTable | None:
        """The table, if the file is another one than at the last look. Raises OSError when there is none, and
        TableError, once, when it cannot be read."""
        return self.turn(float("inf"))

    def turn(self, budget_s: float) -> RoutingTable | None:
        """As `look`, but back after `budget_s` seconds and the work for one line more: with the table when
        all of it has been read. A file that comes meanwhile is read after this one."""
        end = self._clock() + budget_s
        if self._file is None and not self._opened():
            return None
        assert self._file is not None
        try:
            for line in self._file:
                self._reader.feed(line)
                if self._clock() >= end:
                    return None
            self._last = self._reader.table()
            self._written = datetime.fromtimestamp(os.fstat(self._file.fileno()).st_mtime).astimezone()
        except BaseException:
            self.close()
            raise
        self.close()
        return self._last

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._reader = None, TableReader(self._last)

    def _opened(self) -> bool:
        """Whether there is a new file, which is open now."""
        stat = self._path.stat()
        if (stat.st_ino, stat.st_mtime_ns, stat.st_size) == self._seen:
            return False
        self._file = self._path.open("rb")
        stat = os.fstat(self._file.fileno())
        self._seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        return True

"""The damaged store, the new one and the kept one: which file is which, and how they change places."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from db.whole import sync_folder

_BESIDE = ("-wal", "-shm", "-journal")


class Files:
    """Of one repair, or of whatever else puts another store in its place. Every method may be killed anywhere
    and done again."""

    def __init__(self, path: Path, stamp: str, *, new: str = "repairing", kept: str = "damaged") -> None:
        """`new`, `kept`: what the new store and the one that was there are called beside the store."""
        self.path = path
        self.log = _beside(path, "-wal")
        self.new = path.with_name(f"{path.name}.{new}")
        self.kept = path.with_name(f"{path.name}.{kept}-{stamp}")
        self.kept_log = _beside(self.kept, "-wal")

    def keep(self) -> None:
        """The damaged store gets a second name, its log too: byte for byte, without room or reading."""
        for one, other in ((self.path, self.kept), (self.log, self.kept_log)):
            other.unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.link(one, other)
        sync_folder(self.path.parent)

    def state(self) -> tuple[int, ...]:
        """Another one after anybody has written to the store. An empty log is as good as none: readers make
        one."""
        found: list[int] = []
        for each in (self.path, self.log):
            try:
                stat = each.stat()
            except FileNotFoundError:
                found += (0, 0, 0)
            else:
                found += (stat.st_ino, stat.st_size, stat.st_mtime_ns) if stat.st_size else (0, 0, 0)
        return tuple(found)

    @property
    def half_exchanged(self) -> bool:
        """The damaged store has lost its log already, and the new one is not in its place yet."""
        return self.new.exists() and self.kept_log.exists() and not self.log.exists()

    def exchange(self) -> None:
        """Put the new store in the place of the damaged one. A log that stayed beside a store that is not its
        own would spoil it, so it goes first. What has been done already is not done again."""
        if not self.new.exists():
            return
        for each in _BESIDE:
            _beside(self.path, each).unlink(missing_ok=True)
        sync_folder(self.path.parent)
        self.new.replace(self.path)
        sync_folder(self.path.parent)
        self._clear()

    def undo(self) -> None:
        """As if nobody had begun; the second names go only while the first ones are there."""
        self.new.unlink(missing_ok=True)
        self._clear()
        for one, other in ((self.path, self.kept), (self.log, self.kept_log)):
            with contextlib.suppress(OSError):
                if one.samefile(other):
                    other.unlink()
        sync_folder(self.path.parent)

    def _clear(self) -> None:
        """What comes with building a store. The shared memory of the kept one says nothing."""
        for each in (*self._scratch(), _beside(self.kept, "-shm")):
            if each.is_dir():
                shutil.rmtree(each)
            else:
                each.unlink(missing_ok=True)

    def _scratch(self) -> Iterator[Path]:
        for each in self.path.parent.glob(self.new.name + "*"):
            if each != self.new:
                yield each


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)

"""The files that are given out: captures, support bundles, backups; from folders of the state, by name."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

BLOCK: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Kind:
    """A folder of the state, and how the files in it that are given out are called."""

    folder: str
    title: str
    names: re.Pattern[str]
    media_type: str
    none: str


KINDS: Final = (
    Kind(
        "support",
        "Support bundles",
        re.compile(r"support-\d{8}-\d{6}(\.\d{1,3})?\.zip", re.ASCII),
        "application/zip",
        "There is none. The Telnet command support bundle makes one.",
    ),
    Kind(
        "traces",
        "Captures",
        re.compile(r"\d{8}-\d{6}-[\w@+-]{1,32}(\.\d{1,3})?\.jsonl", re.ASCII),
        "application/jsonl",
        "There is none. A trace in the Telnet shell makes one.",
    ),
)

BACKUPS: Final = Kind(
    "backups",
    "Backups",
    re.compile(r"callisto-[a-z0-9-]{1,40}-\d{8}-\d{6}Z\.zip", re.ASCII),
    "application/zip",
    "There is none on this machine.",
)
"""As `db.backup.names` calls them. For administrators: not one of KINDS."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """`size`: bytes; `changed`: aware, UTC."""

    name: str
    size: int
    changed: datetime


class Download:
    """An open file of `size` bytes; what is written to it later is not part of it. Read it, or close it."""

    def __init__(self, descriptor: int, name: str, kind: Kind, size: int) -> None:
        self._descriptor: int | None = descriptor
        self.name = name
        self.kind = kind
        self.size = size

    async def blocks(self) -> AsyncIterator[bytes]:
        offset = 0
        try:
            while offset < self.size and self._descriptor is not None:
                wanted = min(BLOCK, self.size - offset)
                block = await asyncio.to_thread(os.pread, self._descriptor, wanted, offset)
                if not block:
                    return
                offset += len(block)
                yield block
        finally:
            self.close()

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Shelf:
    """`state`: the folder of the appliance's state."""

    def __init__(self, state: Path) -> None:
        self._state = state

    async def rows(self, kind: Kind) -> tuple[FileRow, ...]:
        """Newest first."""
        return await asyncio.to_thread(self._rows, kind)

    async def open(self, folder: str, name: str) -> Download | None:
        """None for what is not given out, or not there."""
        kind = next((each for each in KINDS if each.folder == folder), None)
        return None if kind is None else await self.open_of(kind, name)

    async def open_of(self, kind: Kind, name: str) -> Download | None:
        """None for what is not given out, or not there."""
        if not kind.names.fullmatch(name):
            return None
        return await asyncio.to_thread(self._open, kind, name)

    async def remove(self, kind: Kind, name: str) -> bool:
        """Whether there was one, which is gone now. OSError if it cannot be removed."""
        if not kind.names.fullmatch(name):
            return False
        return await asyncio.to_thread(self._remove, kind, name)

    def _rows(self, kind: Kind) -> tuple[FileRow, ...]:
        found = []
        with contextlib.suppress(OSError), os.scandir(self._state / kind.folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # deleted meanwhile
                    if kind.names.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        known = entry.stat(follow_symlinks=False)
                        changed = datetime.fromtimestamp(known.st_mtime, UTC)
                        found.append(FileRow(entry.name, known.st_size, changed))
        return tuple(sorted(found, key=lambda row: (row.changed, row.name), reverse=True))

    def _remove(self, kind: Kind, name: str) -> bool:
        path = self._state / kind.folder / name
        if not path.is_file() or path.is_symlink():
            return False
        path.unlink(missing_ok=True)
        return True

    def _open(self, kind: Kind, name: str) -> Download | None:
        """No way out of the folder by a link."""
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(self._state / kind.folder / name, flags)
        except OSError:
            return None
        known = os.fstat(descriptor)
        if not stat.S_ISREG(known.st_mode):
            os.close(descriptor)
            return None
        return Download(descriptor, name, kind, known.st_size)

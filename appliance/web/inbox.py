"""A backup that comes through the browser: one file, for whoever restores it then, the last one that came."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

from appliance.web.incoming import SILENT_S, Incoming, Sort
from appliance.web.shelf import FileRow

FOLDER = "uploads"
NAME = "upload.zip"
"""As a restore calls it: `restore start upload.zip`."""
BACKUP = Sort("backup", b"PK\x03\x04", "This is no backup: a file that the Backup page has made is one.")


def room_in(folder: Path) -> int:
    """Bytes that one may have: unpacking and the backup of the present state need as much again."""
    return shutil.disk_usage(folder).free // 3


class Inbox:
    """`state`: the folder of the appliance's state; `room`: how many bytes one may have."""

    def __init__(
        self, state: Path, room: Callable[[Path], int] = room_in, silent_s: float = SILENT_S
    ) -> None:
        self._file = state / FOLDER / NAME
        self._incoming = Incoming(self._file.parent, BACKUP, room, silent_s)

    async def there(self) -> FileRow | None:
        return await asyncio.to_thread(self._there)

    async def take(self, size: int, stream: AsyncIterator[bytes]) -> None:
        """Keep what comes, `size` bytes, in the place of what was there. Raises InboxError, OSError, and what
        `stream` raises."""
        await self._incoming.take(NAME, size, stream, lambda part: part.replace(self._file))

    def _there(self) -> FileRow | None:
        try:
            known = self._file.stat(follow_symlinks=False)
        except OSError:
            return None
        return FileRow(NAME, known.st_size, datetime.fromtimestamp(known.st_mtime, UTC))

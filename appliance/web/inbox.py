"""A backup that comes through the browser: one file, for whoever restores it then, the last one that came."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from appliance.web.shelf import FileRow

FOLDER = "uploads"
NAME = "upload.zip"
"""As a restore calls it: `restore start upload.zip`."""
SILENT_S = 60.0
_ZIP = b"PK\x03\x04"


class InboxError(Exception):
    """`status`: the HTTP status for it. Nothing was kept."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def room_in(folder: Path) -> int:
    """Bytes that one may have: unpacking and the backup of the present state need as much again."""
    return shutil.disk_usage(folder).free // 3


class Inbox:
    """`state`: the folder of the appliance's state; `room`: how many bytes one may have."""

    def __init__(
        self, state: Path, room: Callable[[Path], int] = room_in, silent_s: float = SILENT_S
    ) -> None:
        self._state = state
        self._room = room
        self._silent_s = silent_s
        self._busy = False

    async def there(self) -> FileRow | None:
        return await asyncio.to_thread(self._there)

    async def take(self, size: int, stream: AsyncIterator[bytes]) -> None:
        """Keep what comes, `size` bytes, in the place of what was there. Raises InboxError, OSError, and what
        `stream` raises."""
        if self._busy:
            raise InboxError(409, "Another backup is being uploaded. Try again when it is here.")
        self._busy = True
        folder = self._state / FOLDER
        part = folder / f"{NAME}.part"
        try:
            await asyncio.to_thread(folder.mkdir, mode=0o700, exist_ok=True)
            room = await asyncio.to_thread(self._room, folder)
            if size > room:
                raise InboxError(
                    413, f"It has {size / 1e6:,.1f} MB, and there is room for {room / 1e6:,.1f} MB."
                )
            await self._write(part, size, stream)
            await asyncio.to_thread(part.replace, folder / NAME)
        finally:
            self._busy = False
            part.unlink(missing_ok=True)

    async def _write(self, part: Path, size: int, stream: AsyncIterator[bytes]) -> None:
        written = 0
        with await asyncio.to_thread(_opened, part) as file:
            async for chunk in self._in_time(stream):
                if not written and chunk and chunk[:4] != _ZIP[: len(chunk)]:
                    raise InboxError(415, "This is no backup: a file that the Backup page has made is one.")
                written += len(chunk)
                if written > size:
                    raise InboxError(413, "More came than was announced.")
                await asyncio.to_thread(file.write, chunk)
            if written != size:
                raise InboxError(400, "Not all of it came.")
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())

    async def _in_time(self, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(self._silent_s):
                    chunk = await anext(stream)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise InboxError(408, f"Nothing came for {self._silent_s:g} s.") from None
            yield chunk

    def _there(self) -> FileRow | None:
        try:
            known = (self._state / FOLDER / NAME).stat(follow_symlinks=False)
        except OSError:
            return None
        return FileRow(NAME, known.st_size, datetime.fromtimestamp(known.st_mtime, UTC))


def _opened(part: Path) -> BinaryIO:
    part.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(part, flags, 0o600), "wb")

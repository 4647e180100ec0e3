"""A file that comes through the browser: as a stream, with limits, whole or not at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SILENT_S = 60.0
PART = ".part"


class InboxError(Exception):
    """`status`: the HTTP status for it. Nothing was kept."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Sort:
    """`what`: such as "backup". `begins`: its first bytes; `wrong`: what is said of a file without them."""

    what: str
    begins: bytes
    wrong: str


class Incoming:
    """One file at a time into `folder`. `room`: how many bytes it may have."""

    def __init__(
        self, folder: Path, sort: Sort, room: Callable[[Path], int], silent_s: float = SILENT_S
    ) -> None:
        self._folder = folder
        self._sort = sort
        self._room = room
        self._silent_s = silent_s
        self._busy = False

    async def take(
        self, name: str, size: int, stream: AsyncIterator[bytes], then: Callable[[Path], Path]
    ) -> Path:
        """Keep what comes, `size` bytes, as NAME.part, and give it to `then`, in a thread, which says where
        it is afterwards. Raises InboxError, OSError, and what `stream` raises."""
        if self._busy:
            raise InboxError(409, f"Another {self._sort.what} is being uploaded. Try again when it is here.")
        self._busy = True
        part = self._folder / f"{name}{PART}"
        kept = False
        try:
            await asyncio.to_thread(self._folder.mkdir, mode=0o700, exist_ok=True)
            room = await asyncio.to_thread(self._room, self._folder)
            if size > room:
                raise InboxError(
                    413, f"It has {size / 1e6:,.1f} MB, and there is room for {room / 1e6:,.1f} MB."
                )
            await self._write(part, size, stream)
            found = await asyncio.to_thread(then, part)
            kept = True
            return found
        finally:
            self._busy = False
            if not kept:
                part.unlink(missing_ok=True)

    async def _write(self, part: Path, size: int, stream: AsyncIterator[bytes]) -> None:
        begins = self._sort.begins
        written = 0
        with await asyncio.to_thread(_opened, part) as file:
            async for chunk in self._in_time(stream):
                if not written and chunk and chunk[: len(begins)] != begins[: len(chunk)]:
                    raise InboxError(415, self._sort.wrong)
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


def _opened(part: Path) -> BinaryIO:
    part.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(part, flags, 0o600), "wb")

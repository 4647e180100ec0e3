"""The files of a journal in their folder: `<generation>.jnl`, their owner's only, appended to and synced."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from db.journal.format import (
    MAGIC,
    FormatError,
    Frames,
    Header,
    Place,
    frame,
    header_bytes,
    header_of,
)

SUFFIX = ".jnl"


def path_of(folder: Path, generation: int) -> Path:
    return folder / f"{generation:08}{SUFFIX}"


def generations(folder: Path) -> list[int]:
    """Oldest first."""
    with suppress(FileNotFoundError):
        return sorted(int(path.stem) for path in folder.glob(f"*{SUFFIX}") if path.stem.isdecimal())
    return []


def make(folder: Path, header: Header) -> Place:
    """A new file, synced under its name. Raises OSError; there is no file then."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = path_of(folder, header.generation)
    data, crc = frame(header_bytes(header), 0)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _write(handle, MAGIC + data)
        os.fsync(handle)
        sync_folder(folder)
        sync_folder(folder.parent)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    return Place(header.generation, header.seq, crc, len(MAGIC) + len(data))


def read_header(folder: Path, generation: int) -> Header:
    """Raises OSError, FormatError."""
    with path_of(folder, generation).open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise FormatError(f"{generation}{SUFFIX} is not a journal of this version")
        first = next(Frames(file), None)
    if first is None:
        raise FormatError(f"the header of {generation}{SUFFIX} is damaged")
    return header_of(first)


class Appender:
    """One file, open for appending. Every method may raise OSError."""

    def __init__(self, folder: Path, generation: int) -> None:
        """Raises FileNotFoundError when there is no such generation."""
        self.generation = generation
        self._handle = os.open(
            path_of(folder, generation), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        )

    def size(self) -> int | None:
        """Bytes; None when the file has been removed meanwhile."""
        found = os.fstat(self._handle)
        return found.st_size if found.st_nlink else None

    def append(self, data: bytes, end: int) -> None:
        """`data` after `end`, the present size, on the disk; if that cannot be, nothing of it."""
        try:
            _write(self._handle, data)
            os.fdatasync(self._handle)
        except OSError:
            with suppress(OSError):
                self.cut(end)
            raise

    def cut(self, end: int) -> None:
        os.ftruncate(self._handle, end)
        os.fdatasync(self._handle)

    def close(self) -> None:
        os.close(self._handle)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]

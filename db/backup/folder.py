"""The folder of the backups that stay on this machine: which there are, and who may make one.

What makes and reads backups is loaded by others.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from db.backup.errors import BackupError
from db.backup.names import made_at_of

CHUNK = 1 << 18
PART = ".part"
WORK = ".work"
LOCK = ".lock"
SPARE = 64_000_000
"""Bytes that stay free for everybody else."""


def pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            yield chunk


@contextmanager
def alone(folder: Path, who: str) -> Iterator[None]:
    """In no process does anybody else make a backup meanwhile; what a killed one has left is removed. `who`
    is told to the others. Raises BackupError for them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.pread(lock, 200, 0).decode(errors="replace").strip() or "somebody"
            raise BackupError(
                f"a backup is being made already, by {other}", hint="try again when it is done"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, who.encode()[:200], 0)
        _remove_left(folder)
        yield
    finally:
        os.close(lock)


def tidy(folder: Path) -> None:
    """Remove what is left of a backup whose process was killed, unless another one is being made."""
    if folder.is_dir():
        with suppress(BackupError, OSError), alone(folder, "somebody who tidies up"):
            pass


def kept(folder: Path) -> tuple[Path, ...]:
    """The backups that are in a folder, newest first."""
    with suppress(FileNotFoundError):
        found = ((made_at_of(each.name), each) for each in folder.iterdir())
        return tuple(each for at, each in sorted((pair for pair in found if pair[0]), reverse=True))
    return ()


def thin(folder: Path, keep: int) -> tuple[str, ...]:
    """Remove all but the newest `keep`, at least one; the names of those that are gone."""
    gone = kept(folder)[max(1, keep) :]
    for each in gone:
        each.unlink(missing_ok=True)
    return tuple(each.name for each in gone)


def _remove_left(folder: Path) -> None:
    shutil.rmtree(folder / WORK, ignore_errors=True)
    for each in folder.glob(f"*{PART}"):
        if made_at_of(each.name.removesuffix(PART)):
            each.unlink(missing_ok=True)

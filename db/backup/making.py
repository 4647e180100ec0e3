"""A backup as a file: made beside, read back, proven, and only then called by its name.

Killed at any point, there is no file of that name, or a whole one; what is left is removed by whoever makes
the next.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from db.backup.errors import BackupError
from db.backup.folder import PART, SPARE, WORK, alone, pieces
from db.backup.gathering import size_of
from db.backup.manifest import Manifest
from db.backup.progress import Progress, Tell, silent
from db.backup.proof import prove
from db.backup.source import Source
from db.backup.writing import write


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that is good: `file` has it, proven. `size` and `sha256` are of the file."""

    file: Path
    size: int
    sha256: str
    manifest: Manifest
    took_s: float


def make(
    source: Source,
    file: Path,
    password: str = "",
    tell: Tell = silent,
    *,
    who: str = "somebody",
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Made:
    """Make a backup of `source` and prove it, alone of all who use the folder `source.work`.

    `who`: told to others who try meanwhile. Raises BackupError, ArchiveError (it cannot be proven),
    StoreUnavailableError, OSError: then nothing is left of it.
    """
    with alone(source.work, who):
        return _make(source, file, password, tell, free)


def _make(source: Source, file: Path, password: str, tell: Tell, free: Callable[[Path], int]) -> Made:
    began = time.monotonic()
    work = source.work / WORK
    part = file.with_name(file.name + PART)
    whole = _Whole(tell)
    try:
        work.mkdir(mode=0o700)
        _check_room(source, work, file.parent, free)
        digest, size, manifest = _written(replace(source, work=work), part, password, whole)
        whole.turn()
        _empty(work)
        prove(pieces(part), password, work, whole)
        part.replace(file)
        _sync(file.parent)
        return Made(file, size, digest, manifest, time.monotonic() - began)
    finally:
        part.unlink(missing_ok=True)
        shutil.rmtree(work, ignore_errors=True)


def _written(source: Source, part: Path, password: str, tell: Tell) -> tuple[str, int, Manifest]:
    digest, size = hashlib.sha256(), 0
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:

        def out(chunk: bytes) -> None:
            nonlocal size
            size += len(chunk)
            digest.update(chunk)
            file.write(chunk)

        manifest = write(source, out, password, tell)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size, manifest


class _Whole:
    """Writing and reading back as one: each is half of it."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._of = 0
        self._half = 0

    def turn(self) -> None:
        self._half = self._of

    def __call__(self, now: Progress) -> None:
        if not self._half:
            self._of = now.of
        self._tell(Progress(self._half + now.done, 2 * self._of, now.doing))


def _check_room(source: Source, work: Path, folder: Path, free: Callable[[Path], int]) -> None:
    """The snapshot and copies of the files, while the archive is written; then the archive, and the store as
    it is restored for the proof."""
    path = source.store
    store = path.stat().st_size if path is not None and path.exists() else SPARE
    files = size_of(source)
    needed = 2 * store + 2 * files + SPARE
    for place in (work.parent, folder):
        if free(place) < needed:
            raise BackupError(
                f"a backup needs {needed / 1e6:,.1f} MB of room in {place}, and {free(place) / 1e6:,.1f} MB"
                " are free",
                hint="make room there: delete old backups, traces or support bundles; or compact the store",
            )


def _empty(folder: Path) -> None:
    for each in folder.iterdir():
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""A folder of this machine: a disk that is mounted, a share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.targets.ports import Place, TargetError
from db.backup.folder import pieces


class DirectoryWay:
    """It has to be there: a folder that is missing is a disk that is not mounted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def words(self) -> str:
        return str(self._folder)

    @contextmanager
    def open(self) -> Iterator[Place]:
        if not self._folder.is_dir():
            raise TargetError(f"there is no folder {self._folder}", "make it, or mount the disk that has it")
        yield _Directory(self._folder)

    def trusted(self) -> str:
        return ""


class _Directory:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> Iterable[str]:
        with _told(self._folder):
            return [each.name for each in self._folder.iterdir()]

    def size(self, name: str) -> int:
        with _told(self._folder):
            return (self._folder / name).stat().st_size

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        with _told(self._folder), os.fdopen(_private(self._folder / name), "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())

    def read(self, name: str) -> Iterator[bytes]:
        with _told(self._folder):
            yield from pieces(self._folder / name)

    def rename(self, old: str, new: str) -> None:
        with _told(self._folder):
            (self._folder / old).rename(self._folder / new)
            self._sync()

    def remove(self, name: str) -> None:
        with _told(self._folder):
            (self._folder / name).unlink()

    def _sync(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise TargetError(
            f"{folder}: {exc.strerror or exc}", "look at its disk, its room and its rights, and try again"
        ) from exc

"""The folder of bundles: at most three, for their owner alone. Everything here may block as the disk does."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from shell.support_ports import Bundle, SupportRefusedError

MOST: Final = 3
SPARE: Final = 100_000_000
"""Bytes of the disk that a bundle must leave free."""
_NAME = re.compile(r"support-\d{8}-\d{6}(\.\d{1,3})?\.zip", re.ASCII)
_UNFINISHED = ".unfinished"


class Bundles:
    """The files of `folder`, ours alone: one is seen under its name once it is whole, the oldest make room
    for new ones, and the disk keeps SPARE bytes."""

    def __init__(
        self,
        folder: Path,
        *,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._free = free
        self._now = now

    def begin(self, size: int) -> tuple[str, BinaryIO]:
        """A new file for at most so many bytes, and the name it will have. One that a process has left behind
        unfinished is removed. Raises SupportRefusedError."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left in self._folder.glob(f"*{_UNFINISHED}"):
                left.unlink(missing_ok=True)
            if self._free(self._folder) - size < SPARE:
                raise SupportRefusedError(
                    f"the disk has no room for a bundle of {size / 1e6:.0f} MB",
                    f"{SPARE / 1e6:.0f} MB must stay free: delete captures and bundles",
                )
            name = self._new_name()
            handle = os.open(
                self._folder / (name + _UNFINISHED), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600
            )
        except OSError as exc:
            raise SupportRefusedError(f"no bundle can be written: {exc.strerror or exc}") from exc
        return name, os.fdopen(handle, "w+b")

    def finish(self, name: str) -> Bundle:
        """It is whole: from now on it has its name, and the oldest go."""
        (self._folder / (name + _UNFINISHED)).replace(self._folder / name)
        # Whatever the clock says: the new one stays.
        for old in [each for each in self.all() if each.name != name][MOST - 1 :]:
            self._path(old.name).unlink(missing_ok=True)
        return _look(self._path(name))

    def give_up(self, name: str) -> None:
        (self._folder / (name + _UNFINISHED)).unlink(missing_ok=True)

    def all(self) -> list[Bundle]:
        """Newest first."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if _NAME.fullmatch(path.name):
                    with contextlib.suppress(OSError):  # deleted meanwhile
                        found.append(_look(path))
        return sorted(found, key=lambda bundle: (bundle.made, bundle.name), reverse=True)

    def delete(self, name: str) -> None:
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            raise _unknown(name) from None
        except OSError as exc:
            raise SupportRefusedError(f"{name} cannot be deleted: {exc.strerror or exc}") from exc

    def _path(self, name: str) -> Path:
        if not is_name(name):
            raise _unknown(name)
        return self._folder / name

    def _new_name(self) -> str:
        stem = f"support-{time.strftime('%Y%m%d-%H%M%S', time.localtime(self._now()))}"
        names = (f"{stem}.zip", *(f"{stem}.{number}.zip" for number in range(2, 1000)))
        return next(name for name in names if not (self._folder / name).exists())


def is_name(text: str) -> bool:
    """Whether a bundle may be called so."""
    return bool(_NAME.fullmatch(text))


def _look(path: Path) -> Bundle:
    stat = path.stat()
    return Bundle(path.name, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def _unknown(name: str) -> SupportRefusedError:
    return SupportRefusedError(f"there is no bundle {name[:60]!r}", "show bundles lists them")

"""Steps of a build, each kept by what went into it, so that only what has changed is made again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from firmware.build.running import BuildError, program, run

KEPT = 2
"""Results of each stage: that of now, and the one before it or of the other kernel."""


class Stages:
    """The cache below `root`; `say` tells a person how it goes. Folders of it may belong to others than us
    (`remove` gets rid of those)."""

    def __init__(self, root: Path, say: Callable[[str], None], *, reuse: bool = True) -> None:
        self._root = root
        self._say = say
        self._reuse = reuse
        root.mkdir(parents=True, exist_ok=True)

    def made(
        self, name: str, what: str, key: str, make: Callable[[Path, Callable[[str], None]], None]
    ) -> Path:
        """The folder of stage `name` for these inputs, filled by `make` unless it is there.

        `make` fills a neighbour, which is renamed when it is whole.
        """
        folder = self._root / f"{name}-{key}"
        if folder.is_dir() and self._reuse:
            folder.touch()
            self._say(f"{what}: as before")
            return folder
        self._say(f"{what} ...")
        began = time.monotonic()
        neighbour = self._root / f"{name}-{key}.new"
        remove(neighbour)
        neighbour.mkdir()
        make(neighbour, lambda line: self._say(f"  {line}"))
        remove(folder)
        neighbour.rename(folder)
        self._say(f"{what}: {time.monotonic() - began:.0f} s")
        self._tidy(name)
        return folder

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else builds here meanwhile. Raises BuildError."""
        with (self._root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as exc:
                raise BuildError(f"another build is at work in {self._root}", "wait for it to end") from exc
            yield

    def _tidy(self, name: str) -> None:
        made = [one for one in self._root.glob(f"{name}-*") if one.is_dir()]
        for old in sorted(made, key=lambda one: one.stat().st_mtime, reverse=True)[KEPT:]:
            remove(old)


def remove(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> None:
    """Whoever owns what is in it. Raises BuildError for one in which something is mounted."""
    if not folder.exists():
        return
    inside = [one for one in mounted(mounts.read_text()) if one.is_relative_to(folder.resolve())]
    if inside:
        raise BuildError(
            f"{inside[-1]} is mounted", f"umount {inside[-1]}, and whatever else is below {folder}"
        )
    try:
        shutil.rmtree(folder)
    except PermissionError:
        run([*as_root(), "rm", "-rf", "--one-file-system", folder])


def mounted(text: str) -> list[Path]:
    """Where something is mounted, of the text of a mountinfo (proc(5))."""
    places = (line.split()[4] for line in text.splitlines())
    return [Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), one)) for one in places]


def alone() -> list[str]:
    """What makes a command, as root, keep its mounts to itself and take all its processes along when it ends.
    Who is not root works in a namespace anyway."""
    if os.geteuid() != 0:
        return []
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]


def as_root() -> list[str]:
    """What makes a command root: of nothing but a range of user numbers of our own, unless we are root."""
    if os.geteuid() == 0:
        return []
    program("newuidmap", "uidmap")
    return ["unshare", "--user", "--map-auto", "--map-root-user", "--setuid", "0", "--setgid", "0", "--"]

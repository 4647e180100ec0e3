"""Where a built engine is kept: outside the checkout, so that every checkout of a user shares it."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Cache:
    """`root`/sources and `root`/<recipe>-<python>-<platform>/{*.whl, logs}."""

    root: Path
    key: str

    @property
    def sources(self) -> Path:
        return self.root / "sources"

    @property
    def built(self) -> Path:
        return self.root / self.key

    @property
    def logs(self) -> Path:
        return self.built / "logs"

    def wheel(self) -> Path | None:
        """The engine of this recipe, Python and platform, when it has been built."""
        found = sorted(self.built.glob("*.whl"), key=lambda path: path.stat().st_mtime)
        return found[-1] if found else None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One build at a time; another one waits here and then finds the wheel."""
        self.built.mkdir(parents=True, exist_ok=True)
        with (self.built / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def root(env: Mapping[str, str] = os.environ, home: Path | None = None) -> Path:
    """CALLISTO_CACHE, or callisto/ in the user's cache folder (XDG Base Directory Specification)."""
    if env.get("CALLISTO_CACHE"):
        base = Path(env["CALLISTO_CACHE"]).expanduser()
    elif env.get("XDG_CACHE_HOME", "").startswith("/"):
        base = Path(env["XDG_CACHE_HOME"]) / "callisto"
    else:
        base = (home or Path.home()) / ".cache" / "callisto"
    return base.absolute() / "engine"

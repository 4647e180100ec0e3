"""The files of a backup: put in their places one by one, and back again if it comes to that."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from db.backup.gathering import FOLDERS, SHA256
from db.backup.listed import files_in
from db.backup.manifest import Kind
from db.backup.placed import Placed
from db.whole import sync_folder

CHUNK = 1 << 18
CONFIGURATION = "callisto.toml"
_FOLDERS = frozenset(folder for folder, _ in FOLDERS)


class Files:
    """Of one restore. `state`: the state folder; `unpacked`: where the archive's contents are; `aside`: for
    what was there before, and for the configuration, which is put in no place of its own. Every method may be
    killed anywhere and done again."""

    def __init__(self, state: Path, unpacked: Path, aside: Path) -> None:
        self._state = state
        self._unpacked = unpacked
        self._before = aside / "before"
        self.configuration = aside / "configuration"

    def changes(self, kinds: Sequence[Kind]) -> tuple[str, ...]:
        """Paths that come or change."""
        return tuple(each.path for each in self._wanted(kinds) if not self._is_there(each))

    def place(self, kinds: Sequence[Kind]) -> None:
        """What is there and in no backup stays. Raises OSError."""
        for placed in self._wanted(kinds):
            if not self._is_there(placed):
                self._put(self._unpacked / placed.entry, self._state / placed.path, placed.path)
        if "settings" in kinds:
            for placed in files_in(self._unpacked):
                if placed.root == "config":
                    target = self.configuration / placed.path
                    _folder(target.parent)
                    _copy(self._unpacked / placed.entry, target)

    @property
    def theirs(self) -> Path | None:
        """The configuration itself, as it was unpacked."""
        found = (each for each in files_in(self._unpacked) if each.root == "config")
        return next((self._unpacked / each.entry for each in found if each.path == CONFIGURATION), None)

    def put_back(self) -> None:
        """What was replaced is there again; what came stays, and nothing refers to it."""
        for path in sorted(self._before.rglob("*")):
            if path.is_file():
                target = self._state / path.relative_to(self._before)
                _folder(target.parent)
                path.replace(target)
                sync_folder(target.parent)

    def forget(self) -> None:
        """What was there before is wanted no more."""
        shutil.rmtree(self._before, ignore_errors=True)

    def _wanted(self, kinds: Sequence[Kind]) -> Iterator[Placed]:
        """An archive may name any path; ours are below three folders."""
        for placed in files_in(self._unpacked):
            if placed.root == "state" and placed.kind in kinds and placed.path.split("/")[0] in _FOLDERS:
                yield placed

    def _is_there(self, placed: Placed) -> bool:
        path = self._state / placed.path
        if placed.path.startswith(f"{SHA256}/"):
            return path.is_file() and path.stat().st_size == (self._unpacked / placed.entry).stat().st_size
        return path.is_file() and _hash(path) == placed.entry.rpartition("/")[2]

    def _put(self, source: Path, target: Path, path: str) -> None:
        _folder(target.parent)
        before = self._before / path
        if target.is_file() and not before.exists():
            _folder(before.parent)
            os.link(target, before)
            sync_folder(before.parent)
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file, source.open("rb") as contents:
        shutil.copyfileobj(contents, file, CHUNK)
        file.flush()
        os.fsync(handle)
    part.replace(target)
    sync_folder(target.parent)


def _folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

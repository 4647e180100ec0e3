"""The bundles on this machine. One gets its name when all of it was verified; before, it is NAME.part.

All of it blocks: for a thread of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from db.backup.folder import PART, SPARE, pieces
from db.whole import sync_folder
from firmware.update.bundle import LARGEST, SUFFIX, BundleError, check, opened
from firmware.update.sheet import Sheet, of_bundle

Tell = Callable[[str, int], None]
"""What is being done, and how many percent of it all."""

COPY_IS = 30
"""Percent that copying takes; the rest is verifying."""
VERIFIED = ".verified.json"
"""Which file each name was when all of it was verified: who changes one, or lays one here, changes that."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,99}" + re.escape(SUFFIX))
_Key = tuple[str | int, ...]
_RIGHT = f"letters, digits and .-+_~ with {SUFFIX} at its end, 100 characters at most"


@dataclass(frozen=True, slots=True)
class Found:
    """A bundle with its name. `sheet` None: it is no use any more, `problem` and `hint` say why."""

    name: str
    size: int
    sheet: Sheet | None
    problem: str = ""
    hint: str = ""


class Shelf:
    """`keyring`: whose bundles are taken."""

    def __init__(self, folder: Path, keyring: Path) -> None:
        self._folder = folder
        self._keyring = keyring
        self._known: dict[_Key, Found] = {}

    def listed(self) -> Sequence[Found]:
        """In the order of their names."""
        with suppress(FileNotFoundError):
            names = sorted(each.name for each in self._folder.iterdir() if _NAME.fullmatch(each.name))
            found = [one for one in map(self._looked_at, names) if one is not None]
            self._known = {key: value for key, value in self._known.items() if value in found}
            return found
        return []

    def get(self, name: str) -> Found | None:
        """None where there is none of that name."""
        return self._looked_at(name) if _NAME.fullmatch(name) else None

    def part(self, name: str) -> Path:
        """Where one comes in. Raises BundleError for what can be no name of one."""
        if not _NAME.fullmatch(name):
            raise BundleError(f"{name[:100]!a} can be no name of an update", f"right would be {_RIGHT}")
        self._folder.mkdir(mode=0o700, exist_ok=True)
        return self._folder / (name + PART)

    def room(self, size: int) -> None:
        """Raises BundleError where so much does not fit."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        free = shutil.disk_usage(self._folder).free
        if free < size + SPARE:
            raise BundleError(
                f"it has {size / 1e6:,.1f} MB, and {free / 1e6:,.1f} MB are free here",
                "make room: delete old updates, backups, traces or support bundles",
            )

    def take(self, path: Path, tell: Tell, *, done: int = 0) -> Found:
        """A file of this machine, or one that has come in as NAME.part, which is gone afterwards: verified
        wholly, and kept by its name only then. `done`: the percent told already. Raises BundleError."""
        came = path.parent == self._folder and path.name.endswith(PART)
        part = self.part(path.name.removesuffix(PART) if came else path.name)
        try:
            if not came:
                self._copy(path, part, tell)
            return self._verified(part, tell, done if came else COPY_IS)
        except OSError as exc:
            why = f"{path.name[:100]} cannot be taken: {exc.strerror or exc}"
            raise BundleError(why, "the user of the appliance must be able to read it") from exc
        finally:
            part.unlink(missing_ok=True)

    def write(self, part: Path, chunks: Iterable[bytes], size: int, tell: Tell, doing: str) -> None:
        """What comes in, to the disk. Raises BundleError where it is too much; OSError."""
        if size > LARGEST:
            raise BundleError(f"it has {size / 1e6:,.0f} MB: no update is as large", "it is something else")
        self.room(size)
        done = 0
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                done += len(chunk)
                if done > max(size, 1):
                    raise BundleError("it is longer than it was said to be", "try again")
                file.write(chunk)
                tell(doing, COPY_IS * done // max(size, 1))
            file.flush()
            os.fsync(file.fileno())

    def delete(self, name: str) -> None:
        (self._folder / name).unlink()
        sync_folder(self._folder)

    def tidy(self, *, besides: Iterable[str] = ()) -> None:
        """What did not come in wholly goes."""
        with suppress(FileNotFoundError):
            for each in self._folder.iterdir():
                if each.name.endswith(SUFFIX + PART) and each.name not in besides:
                    each.unlink(missing_ok=True)

    def _copy(self, path: Path, part: Path, tell: Tell) -> None:
        if not path.is_file():
            raise BundleError(f"there is no file {str(path)[:200]}", "give the path of an update")
        if path.parent == self._folder:
            raise BundleError(f"{path.name} is here already", "update list shows what it does")
        self.write(part, pieces(path), path.stat().st_size, tell, "copies it")

    def _verified(self, part: Path, tell: Tell, before: int) -> Found:
        tell("looks at its signature", before)
        bundle = opened(part, self._keyring)
        sheet = of_bundle(bundle)
        rest = 99 - before
        check(bundle, lambda done, of: tell("verifies every byte", before + rest * done // of))
        place = part.with_name(part.name.removesuffix(PART))
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(place)
        sync_folder(self._folder)
        found = Found(place.name, bundle.size, sheet)
        key = _key(place)
        self._known[key] = found
        self._keep(key)
        return found

    def _looked_at(self, name: str) -> Found | None:
        path = self._folder / name
        try:
            key = _key(path)
        except OSError:
            return None
        if key not in self._known:
            self._known[key] = self._opened(path, key)
        return self._known[key]

    def _opened(self, path: Path, key: _Key) -> Found:
        """All of it is verified again when it is not the file that was."""
        size = path.stat().st_size
        try:
            bundle = opened(path, self._keyring)
            found = Found(path.name, size, of_bundle(bundle))
            if key not in self._verdicts():
                check(bundle)
                if _key(path) == key:
                    self._keep(key)
            return found
        except BundleError as exc:
            return Found(path.name, size, None, exc.message, exc.hint or "delete it")

    def _verdicts(self) -> set[_Key]:
        try:
            kept = json.loads((self._folder / VERIFIED).read_bytes())
            return {(str(name), *map(int, file)) for name, file in kept.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return set()

    def _keep(self, key: _Key) -> None:
        """For the next start. Without it, all is verified again then."""
        kept = {one[0]: one[1:] for one in self._verdicts() if (self._folder / str(one[0])).exists()}
        kept[key[0]] = key[1:]
        beside = self._folder / f"{VERIFIED}.new"
        with suppress(OSError):
            beside.write_text(json.dumps(kept))
            beside.replace(self._folder / VERIFIED)


def _key(path: Path) -> _Key:
    """Another one after each change: the time of it (ctime) cannot be set."""
    stat = path.stat()
    return path.name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns

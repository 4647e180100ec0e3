"""A disk that loses its power: what may be on it, of all that was written and not yet synced.

What was synced is there. Of what was written since, each sector of 512 bytes is there or not, whatever came
before or after it. Names (made, renamed, removed) come in their order within a folder, up to some point that
is not before the folder's last sync; the folders do not wait for one another.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

SECTOR = 512
_HEAD = struct.Struct("<BIiqI")


class Noted(NamedTuple):
    """What the shim notes: `o`pened (`number`: the flags), `w`ritten (the offset), `t`runcated (the size),
    `s`ynced, `r`enamed and `l`inked (`data`: both names), `u`nlinked."""

    op: str
    pid: int
    fd: int
    number: int
    data: bytes


def notes(log: Path) -> Iterator[Noted]:
    with log.open("rb") as file:
        while head := file.read(_HEAD.size):
            op, pid, fd, number, size = _HEAD.unpack(head)
            yield Noted(chr(op), pid, fd, number, file.read(size))


@dataclass(slots=True)
class _File:
    """`safe`: what is there whatever happens. `since`: writes (offset, data) and truncations (size, None)."""

    safe: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        for at, data in self.since:
            _apply(self.safe, at, data)
        self.since.clear()

    def left(self, dice: random.Random, share: float) -> bytearray:
        found = bytearray(self.safe)
        for at, data in self.since:
            if data is None:
                if dice.random() < share:
                    _apply(found, at, None)
                continue
            for begin, end in _sectors(at, at + len(data)):
                if dice.random() < share:
                    _apply(found, begin, data[begin - at : end - at])
        return found


def _sectors(begin: int, end: int) -> Iterator[tuple[int, int]]:
    bounds = [begin, *range((begin // SECTOR + 1) * SECTOR, end, SECTOR), end]
    return pairwise(bounds)


def _apply(content: bytearray, at: int, data: bytes | None) -> None:
    """A write, or a truncation to `at`; what lies between is zero."""
    end = at if data is None else at + len(data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if data is None:
        del content[at:]
    else:
        content[at:end] = data


@dataclass(slots=True)
class _Folder:
    """`names` as they are safe; `since`: a name and what it stands for from then on, None for nothing."""

    names: dict[str, _File] = field(default_factory=dict)
    since: list[list[tuple[str, _File | None]]] = field(default_factory=list)

    def now(self, upto: int | None = None) -> dict[str, _File]:
        found = dict(self.names)
        for step in self.since[:upto]:
            for name, file in step:
                if file is None:
                    found.pop(name, None)
                else:
                    found[name] = file
        return found

    def sync(self) -> None:
        self.names = self.now()
        self.since.clear()


class Disk:
    """Begins with what is in `before`, all of it safe, under the name `root`."""

    def __init__(self, before: Path, root: Path) -> None:
        self._root = root
        self._folders: dict[str, _Folder] = {}
        self._handles: dict[tuple[int, int], _File | _Folder] = {}
        for folder, _, files in os.walk(before):
            made = self._folder(str(root / Path(folder).relative_to(before)))
            for name in files:
                made.names[name] = _File(bytearray((Path(folder) / name).read_bytes()))

    def take(self, noted: Noted) -> None:
        handle = noted.pid, noted.fd
        found = self._handles.get(handle)
        match noted.op:
            case "o":
                self._handles[handle] = self._opened(noted.data.decode(), noted.number)
            case "w" if isinstance(found, _File):
                found.since.append((noted.number, noted.data))
            case "t" if isinstance(found, _File):
                found.since.append((noted.number, None))
            case "s" if found is not None:
                found.sync()
            case "r" | "l":
                self._two(noted)
            case "u":
                folder, name = self._place(noted.data.decode())
                folder.since.append([(name, None)])
            case _:
                raise AssertionError(f"{noted} is of a file that was not opened")

    def cut(self, into: Path, dice: random.Random) -> None:
        """The power is lost: write what is left to `into`."""
        share = dice.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        for place, folder in self._folders.items():
            home = into / Path(place).relative_to(self._root)
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, file in folder.now(dice.randint(0, len(folder.since))).items():
                if not name.endswith("-shm"):  # shared memory: SQLite makes it anew
                    (home / name).write_bytes(file.left(dice, share))

    def _opened(self, path: str, flags: int) -> _File | _Folder:
        if flags & os.O_DIRECTORY or path in self._folders:
            return self._folder(path)
        folder, name = self._place(path)
        found = folder.now().get(name)
        if found is None:
            found = _File()
            folder.since.append([(name, found)])
        if flags & os.O_TRUNC:
            found.since.append((0, None))
        return found

    def _two(self, noted: Noted) -> None:
        old, new = (part.decode() for part in noted.data.split(b"\0")[:2])
        (source, name), (target, new_name) = self._place(old), self._place(new)
        assert source is target
        file = source.now()[name]
        gone: list[tuple[str, _File | None]] = [(name, None)] if noted.op == "r" else []
        source.since.append([*gone, (new_name, file)])

    def _place(self, path: str) -> tuple[_Folder, str]:
        folder, _, name = path.rpartition("/")
        return self._folder(folder), name

    def _folder(self, path: str) -> _Folder:
        return self._folders.setdefault(path.rstrip("/"), _Folder())

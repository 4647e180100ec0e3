"""The files that belong to a store: which they are, and copies that hold still while they are written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from db.backup.manifest import Kind
from db.backup.placed import LONGEST_PATH, Placed, Root, is_safe
from db.backup.source import Source

CHUNK = 1 << 18
SHA256 = "media"
"""The folder of files that are called as their contents' hash is. They never change."""
FOLDERS: tuple[tuple[str, Kind], ...] = ((SHA256, "media"), ("announcements", "media"), ("tls", "settings"))
"""Below the state folder. What is not here is made anew (routing table, known administrators), is of this
machine alone (traces, support bundles, repairs, the journal), or on its way to the store (the spool)."""
PIECES = "pieces"
LIST = "list"


@dataclass(frozen=True, slots=True)
class Piece:
    """A file that stays as it is, where it belongs, and what is in it. `placed` None: it is not what it was
    when it was written, cannot be read, or has a name that no backup can keep; `shown` is that name."""

    path: Path
    shown: str
    placed: Placed | None
    crc: int = 0
    is_compressed: bool = False


class Gathered:
    """Links and copies in `source.work`: what is taken away or changed from now on is still there. Their list
    is a file, too: there may be many. `size`: bytes of all."""

    def __init__(self, source: Source) -> None:
        self._folder = source.work / PIECES
        self._list = source.work / LIST
        self.size = 0
        self._folder.mkdir(mode=0o700)
        with self._list.open("w", encoding="utf-8") as listed:
            for number, (root, path, file, kind) in enumerate(_wanted(source)):
                own = self._folder / str(number)
                if _taken(file, own):
                    self.size += own.stat().st_size
                print(json.dumps([root, path, kind]), file=listed)

    def pieces(self) -> Iterator[Piece]:
        """One after the other; each is gone when the next is asked for."""
        with self._list.open(encoding="utf-8") as listed:
            for number, line in enumerate(listed):
                root, path, kind = json.loads(line)
                own = self._folder / str(number)
                yield _piece(own, root, path, kind)
                own.unlink(missing_ok=True)


def size_of(source: Source) -> int:
    """Bytes of the files, as they are now."""
    size = 0
    for _, _, file, _ in _wanted(source):
        with suppress(OSError):
            size += file.stat().st_size
    return size


def _wanted(source: Source) -> Iterator[tuple[Root, str, Path, Kind]]:
    for folder, kind in FOLDERS:
        for parent, folders, names in os.walk(source.state / folder):
            folders.sort()
            for name in sorted(names):
                file = Path(parent, name)
                yield "state", file.relative_to(source.state).as_posix(), file, kind
    for path, file in sorted(source.config.items()):
        yield "config", path, file, "settings"


def _taken(file: Path, own: Path) -> bool:
    """False for what cannot be read or is no file."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return False
        if file.parent.name == SHA256:
            _link(file, own)
        else:
            shutil.copyfile(file, own)
    except OSError:
        own.unlink(missing_ok=True)
        return False
    return True


def _link(file: Path, own: Path) -> None:
    try:
        os.link(file, own)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(file, own)


def _piece(own: Path, root: Root, path: str, kind: Kind) -> Piece:
    shown = "".join(char if char.isprintable() else "?" for char in path)[:LONGEST_PATH]
    digest, crc, size, first = hashlib.sha256(), 0, 0, b""
    try:
        with own.open("rb") as file:
            while chunk := file.read(CHUNK):
                first = first or chunk[:4]
                digest.update(chunk)
                crc = zlib.crc32(chunk, crc)
                size += len(chunk)
    except OSError:
        return Piece(own, shown, None)
    found = digest.hexdigest()
    misnamed = root == "state" and path.startswith(f"{SHA256}/") and path != f"{SHA256}/{found}"
    if misnamed or not is_safe(path):
        return Piece(own, shown, None)
    return Piece(own, shown, Placed(root, path, kind, found, size), crc, first.startswith(_NOT_WORTH_IT))


_NOT_WORTH_IT = (b"RIFF", b"OggS", b"ID3", b"\xff\xfb", b"fLaC", b"II*\0", b"MM\0*", b"%PDF", b"\x89PNG",
                 b"\xff\xd8\xff", b"PK\x03\x04", b"\x1f\x8b")  # fmt: skip
"""How sound, faxes and documents begin: deflate finds nothing in them and costs the most."""

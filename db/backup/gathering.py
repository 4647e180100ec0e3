"""The files that belong to a store: which they are, and copies that hold still while they are written."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from db.backup.manifest import LONGEST_PATH, MEDIA, Kind, Placed, Root, is_safe
from db.backup.source import Source

CHUNK = 1 << 18
SHA256 = "media"
"""The folder of files that are called as their contents' hash is. They never change."""
FOLDERS: tuple[tuple[str, Kind], ...] = ((SHA256, "media"), ("announcements", "media"), ("tls", "settings"))
"""Below the state folder. What is not here is made anew (routing table, known administrators), is of this
machine alone (traces, support bundles, repairs, the journal), or on its way to the store (the spool)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Contents that are written once: a file that stays as it is, with its size, SHA-256 and CRC-32."""

    path: Path
    size: int
    sha256: str
    crc: int
    is_compressed: bool

    @property
    def name(self) -> str:
        return MEDIA + self.sha256


@dataclass(frozen=True, slots=True)
class Gathered:
    """`damaged`: what was not as it had been written, or cannot be read; it is left out."""

    pieces: tuple[Piece, ...]
    placed: tuple[Placed, ...]
    damaged: tuple[str, ...]


def gather(source: Source) -> Gathered:
    """Links and copies are made in `source.work`: what is taken away or changed meanwhile is still there."""
    pieces: dict[str, Piece] = {}
    placed: list[Placed] = []
    damaged: list[str] = []
    for root, path, file, kind in _wanted(source):
        piece = _piece(source.work / f"piece-{len(placed) + len(damaged)}", file)
        wrong_name = path.startswith(f"{SHA256}/") and root == "state"
        if piece is None or not is_safe(path) or (wrong_name and path != f"{SHA256}/{piece.sha256}"):
            damaged.append(_shown(path))
            continue
        if piece.sha256 in pieces:
            piece.path.unlink()
        pieces.setdefault(piece.sha256, piece)
        placed.append(Placed(root, path, piece.name, kind))
    return Gathered(tuple(pieces.values()), tuple(placed), tuple(damaged))


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


def _piece(own: Path, file: Path) -> Piece | None:
    """None for what cannot be read or is no file."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return None
        if file.parent.name == SHA256:
            _link(file, own)
        else:
            shutil.copyfile(file, own)
        return _looked_at(own)
    except OSError:
        own.unlink(missing_ok=True)
        return None


def _link(file: Path, own: Path) -> None:
    try:
        os.link(file, own)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(file, own)


def _looked_at(path: Path) -> Piece:
    digest, crc, size, first = hashlib.sha256(), 0, 0, b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            first = first or chunk[:4]
            digest.update(chunk)
            crc = zlib.crc32(chunk, crc)
            size += len(chunk)
    return Piece(path, size, digest.hexdigest(), crc, first.startswith(_NOT_WORTH_IT))


def _shown(path: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in path)[:LONGEST_PATH]


_NOT_WORTH_IT = (b"RIFF", b"OggS", b"ID3", b"\xff\xfb", b"fLaC", b"II*\0", b"MM\0*", b"%PDF", b"\x89PNG",
                 b"\xff\xd8\xff", b"PK\x03\x04", b"\x1f\x8b")  # fmt: skip
"""How sound, faxes and documents begin: deflate finds nothing in them and costs the most."""

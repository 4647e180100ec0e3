"""An archive, written as a stream: the memory it takes does not depend on its size."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stream_zip import NO_COMPRESSION_64, ZIP_64, Method, stream_zip

from db.backup.errors import BackupError
from db.backup.gathering import CHUNK, Gathered, Piece
from db.backup.manifest import (
    FILES,
    FORMAT,
    MANIFEST,
    MOST_DAMAGED,
    PRODUCT,
    STORE,
    Entry,
    Manifest,
    to_json,
)
from db.backup.placed import Placed, to_line
from db.backup.progress import Progress, Tell, silent
from db.backup.secrets import leave_out
from db.backup.source import Snapshot, Source, snapshot

FAST = 1
"""Of deflate: level 6 takes twice the time for 5 % less."""
MODE = 0o100600

_Member = tuple[str, datetime, int, Method, Iterator[bytes]]


def write(
    source: Source, out: Callable[[bytes], object], password: str = "", tell: Tell = silent
) -> Manifest:
    """Everything that belongs to `source`, as one ZIP, given to `out` a piece at a time; its manifest.

    `password`: empty for none. Leaves its copies in `source.work`. Raises BackupError, StoreUnavailableError;
    OSError where the disk fails; whatever `out` raises.
    """
    tell(Progress(0, 0, "takes a snapshot of the store"))
    taken = snapshot(source)
    without = () if password else leave_out(taken.path)
    tell(Progress(0, 0, "looks through the files"))
    return _Archive(source, taken, Gathered(source), without, tell).write(out, password)


class _Archive:
    def __init__(
        self, source: Source, taken: Snapshot, gathered: Gathered, without: tuple[str, ...], tell: Tell
    ) -> None:
        self._source = source
        self._taken = taken
        self._gathered = gathered
        self._without = without
        self._tell = tell
        self._made_at = datetime.now(UTC).replace(microsecond=0)
        self._list = source.work / FILES
        self._seen: set[bytes] = set()
        self._entries: list[Entry] = []
        self._damaged: list[str] = []
        self._files = self._media_size = self._done = 0
        self._manifest: Manifest | None = None
        self._of = taken.path.stat().st_size + gathered.size

    def write(self, out: Callable[[bytes], object], password: str) -> Manifest:
        # The library takes passwords as Latin-1; every reader takes the bytes of UTF-8.
        secret = password.encode().decode("latin-1") if password else None
        for chunk in stream_zip(self._members(), get_compressobj=_fast, password=secret):
            out(chunk)
        assert self._manifest is not None
        return self._manifest

    def _members(self) -> Iterator[_Member]:
        yield STORE, self._made_at, MODE, ZIP_64, self._entry(STORE, self._taken.path)
        with self._list.open("wb") as listed:
            for piece in self._gathered.pieces():
                placed = piece.placed
                if placed is None:
                    self._damaged.append(piece.shown)
                    continue
                listed.write(to_line(placed))
                self._files += 1
                if (known := bytes.fromhex(placed.sha256)) not in self._seen:
                    self._seen.add(known)
                    how = NO_COMPRESSION_64(placed.size, piece.crc) if piece.is_compressed else ZIP_64
                    yield placed.entry, self._made_at, MODE, how, self._contents(piece, placed)
        yield FILES, self._made_at, MODE, ZIP_64, self._entry(FILES, self._list)
        yield MANIFEST, self._made_at, MODE, ZIP_64, self._last()

    def _entry(self, name: str, path: Path) -> Iterator[bytes]:
        entry = yield from self._read(path)
        self._entries.append(Entry(name, *entry))

    def _contents(self, piece: Piece, placed: Placed) -> Iterator[bytes]:
        size, found = yield from self._read(piece.path)
        if found != placed.sha256:
            raise BackupError("a file changed while it was read", hint="try again")
        self._media_size += size

    def _read(self, path: Path) -> Any:
        """Yields the contents; returns their size and hash."""
        digest, size = hashlib.sha256(), 0
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                yield chunk
                self._done += len(chunk)
                self._tell(Progress(min(self._done, self._of), self._of, "writes the backup"))
        return size, digest.hexdigest()

    def _last(self) -> Iterator[bytes]:
        self._manifest = Manifest(
            FORMAT, PRODUCT, self._source.version, self._made_at, self._taken.schema, self._taken.dialect,
            self._taken.rows, tuple(self._entries), self._files, len(self._seen), self._media_size,
            tuple(self._damaged[:MOST_DAMAGED]), self._without,
        )  # fmt: skip
        yield to_json(self._manifest)


def _fast() -> Any:
    return zlib.compressobj(level=FAST, wbits=-zlib.MAX_WBITS)

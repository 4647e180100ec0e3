"""Call records on their way to the store: append-only files of JSON lines, each with its checksum.

The router writes, the supervisor reads while it does. A record is one write to a file opened with O_APPEND: a
kill of the process right after `append` loses nothing, a power cut at most the last second. Files are named
`calls-<ns>.jsonl`; one is finished as soon as there is a newer one.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
import zlib
from collections import deque
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

LARGEST = 8 * 1024 * 1024
"""Bytes after which a new file is begun."""
SYNC_EVERY = 1.0
"""Seconds between two syncs at least."""
KEPT = 1000
"""Records held in memory while the disk takes none; then the oldest is lost."""

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)
"""Made once: json.dumps makes one for each record that is not in its own style."""
_NAME = re.compile(r"calls-(\d+)\.jsonl")
_LINE = re.compile(rb'\{"crc":"([0-9a-f]{8})","call":(.*)\}', re.DOTALL)


class Spool:
    """The CallRecords adapter. One thread appends; a helper makes it durable, once in `sync_every` s."""

    def __init__(self, folder: Path, *, largest: int = LARGEST, sync_every: float = SYNC_EVERY) -> None:
        """Creates the folder if need be and begins a new file. Raises OSError when that cannot be."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._largest = largest
        self._sync_every = sync_every
        self._waiting: deque[bytes] = deque(maxlen=KEPT)
        self._torn = False
        self._number = max((number for number, _, _ in _numbered(folder)), default=0)
        self._file, self._size = self._begin(), 0
        self._lock = threading.Lock()  # guards _file, _retired and _named, never held during I/O
        self._retired: set[int] = set()
        self._named = False
        self._clean = True
        """The helper has not been told that there is something to sync."""
        self._dirty = threading.Event()
        self._closing = threading.Event()
        self._helper = threading.Thread(target=self._keep_durable, name="spool sync", daemon=True)
        self._helper.start()

    def append(self, record: dict[str, object]) -> None:
        """Raises OSError while the disk takes nothing; the record is kept and written with a later one."""
        self._waiting.append(encode_line(record))
        if self._size >= self._largest:
            self._rotate()
        while self._waiting:
            self._write(self._waiting[0])
            self._waiting.popleft()

    def close(self) -> None:
        """Make everything durable; nothing may be appended afterwards."""
        self._closing.set()
        self._dirty.set()
        self._helper.join()
        os.close(self._file)

    def _write(self, line: bytes) -> None:
        if self._torn:
            line = b"\n" + line  # ends what an earlier write left unfinished
        written = os.write(self._file, line)
        self._size += written
        if self._clean:
            self._clean = False
            self._dirty.set()  # once a sync, not once a record: it costs as much as the write
        self._torn = written < len(line)
        if self._torn:
            raise OSError(f"the disk took {written} of {len(line)} bytes of a call record")

    def _rotate(self) -> None:
        new = self._begin()
        with self._lock:
            self._retired.add(self._file)
            self._file, self._named = new, False
        self._size, self._torn = 0, False

    def _keep_durable(self) -> None:
        """The helper thread. os.fdatasync gives up the interpreter lock, so calls go on meanwhile."""
        while not self._closing.is_set():
            self._dirty.wait()
            self._dirty.clear()
            self._clean = True  # before the sync: what is written from now on is told anew
            self._sync()
            self._closing.wait(self._sync_every)
        self._sync()

    def _sync(self) -> None:
        with self._lock:
            present = self._file
            retired, self._retired = self._retired, set()
            named, self._named = self._named, True
        if not named:
            self._sync_folder()  # else a power cut could take the new file's name
        for file in (*retired, present):
            try:
                os.fdatasync(file)
            except OSError as exc:
                log.warning("call records would not survive a power cut now: %s", exc)
        for file in retired:
            os.close(file)

    def _begin(self) -> int:
        """A new file, newer by name than all others even when the clock was set back."""
        self._number = max(time.time_ns(), self._number + 1)
        path = self._folder / f"calls-{self._number}.jsonl"
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def _sync_folder(self) -> None:
        try:
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as exc:
            log.warning("the spool's folder may not survive a power cut: %s", exc)


@dataclass(frozen=True, slots=True)
class Batch:
    """What `read_batch` found. `next_offset`: where to read on; `torn`: an unfinished line lies there.

    An unfinished line is one that is being written, or, in a finished file, one that never will be.
    `damaged`: complete lines whose checksum is wrong, passed over.
    """

    records: tuple[dict[str, object], ...]
    next_offset: int
    torn: bool
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """`finished`: a newer one exists, so nothing is added to it any more."""

    path: Path
    size: int
    finished: bool


def encode_line(record: dict[str, object]) -> bytes:
    """A line with its end. Raises TypeError for what JSON does not know, ValueError for NaN."""
    body = _JSON.encode(record).encode("utf-8", "backslashreplace")  # half a surrogate pair stops no record
    return b'{"crc":"%08x","call":%b}\n' % (zlib.crc32(body), body)


def decode_line(line: bytes) -> dict[str, object] | None:
    """The record of a line without its end, or None when it is damaged. Never raises."""
    found = _LINE.fullmatch(line)
    if found is None or int(found[1], 16) != zlib.crc32(found[2]):
        return None
    try:
        record = json.loads(found[2])
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def read_batch(path: Path, offset: int, limit: int) -> Batch:
    """Up to `limit` records from byte `offset` on, which is 0 or a `next_offset`. Raises OSError."""
    records: list[dict[str, object]] = []
    damaged = 0
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return Batch(tuple(records), offset, torn=True, damaged=damaged)
            if len(records) == limit:
                break
            offset += len(line)
            record = decode_line(line[:-1])
            if record is not None:
                records.append(record)
            elif line != b"\n":
                damaged += 1
    return Batch(tuple(records), offset, torn=False, damaged=damaged)


def pending(folder: Path) -> tuple[SpoolFile, ...]:
    """The spool's files, oldest first; none when the folder is not there."""
    found = _numbered(folder)
    last = len(found) - 1
    return tuple(SpoolFile(path, size, place < last) for place, (_, path, size) in enumerate(found))


def _numbered(folder: Path) -> list[tuple[int, Path, int]]:
    found = []
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return []
    for entry in entries:
        name = _NAME.fullmatch(entry.name)
        if name is not None:
            try:
                found.append((int(name[1]), Path(entry.path), entry.stat().st_size))
            except FileNotFoundError:
                continue  # taken away meanwhile
    return sorted(found)

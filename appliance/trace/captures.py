"""The folder of captures: files of JSON lines. The first line is a header (an object), then a record a line
(an array, `shell.trace.record`), and last an object that says why it ended; a file without that was cut off.

Everything here may block for as long as the disk does.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from shell.trace.choice import EVERYTHING, Choice, decode, encode
from shell.trace_ports import LARGEST, LONGEST_S, SHORTEST_S, SMALLEST, Capture, Limits, TraceRefusedError

FORMAT: Final = 1
MOST: Final = 20
MOST_BYTES: Final = 500_000_000
SPARE: Final = 100_000_000
"""Bytes of the disk that a capture must leave free."""
CHUNK: Final = 128 << 10
END_OF_FILE: Final = 4096
"""Bytes at the end of a file in which its last line is looked for."""
CUT_OFF: Final = "cut off: the supervisor ended without a word"

_NAME = re.compile(r"\d{8}-\d{6}-[\w@+-]{1,32}(\.\d{1,3})?", re.ASCII)
_NO_NAME = re.compile(r"[^\w@+-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Begun:
    """A new file, its header written. `size`: bytes in it."""

    name: str
    descriptor: int
    size: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a file. `size`: of the whole file now."""

    data: bytes
    size: int


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class Captures:
    """`running` in what follows: the names of those that are being written, with the bytes they may take."""

    def __init__(
        self,
        folder: Path,
        version: str = "",
        *,
        most: int = MOST,
        most_bytes: int = MOST_BYTES,
        free: Callable[[Path], int] = free_bytes,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._version = version
        self._most = most
        self._most_bytes = most_bytes
        self._free = free
        self._now = now

    def begin(self, by: str, choice: Choice, limits: Limits, running: Mapping[str, int]) -> Begun:
        """Make room, the oldest first, and a new file. Raises TraceRefusedError when there is no room."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room(limits.size, running)
            if not self.has_room(limits.size):
                raise TraceRefusedError(
                    f"the disk has no room for a capture of {limits.size / 1e6:g} MB",
                    f"{SPARE / 1e6:g} MB must stay free: delete captures (show traces) or make it smaller",
                )
            return self._create(by, choice, limits)
        except OSError as exc:
            raise TraceRefusedError(f"no capture can be written: {exc.strerror or exc}") from exc

    def has_room(self, size: int = 0) -> bool:
        """Whether the disk has room for so many bytes. Raises OSError."""
        return self._free(self._folder) - size >= SPARE

    def all(self, running: Iterable[str] = ()) -> list[Capture]:
        """Newest first. A file that cannot be read is shown with what is known of it."""
        known = frozenset(running)
        found = []
        for path in self._paths():
            with suppress(OSError):  # deleted meanwhile
                found.append(_look(path, running=path.stem in known))
        return sorted(found, key=lambda capture: (capture.started, capture.name), reverse=True)

    def read(self, name: str, offset: int) -> Chunk:
        """Bytes from `offset`, as many as there are and at most CHUNK; none at the end."""
        path = self._path(name)
        try:
            with _opened(path) as file:
                size = os.fstat(file.fileno()).st_size
                return Chunk(os.pread(file.fileno(), CHUNK, max(0, offset)), size)
        except FileNotFoundError:
            raise _unknown(name) from None
        except OSError as exc:
            raise TraceRefusedError(f"{name} cannot be read: {exc.strerror or exc}") from exc

    def delete(self, name: str) -> None:
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            raise _unknown(name) from None
        except OSError as exc:
            raise TraceRefusedError(f"{name} cannot be deleted: {exc.strerror or exc}") from exc

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise _unknown(name)
        return self._folder / f"{name}.jsonl"

    def _paths(self) -> list[Path]:
        with suppress(FileNotFoundError):
            return [path for path in self._folder.iterdir() if _is_capture(path)]
        return []

    def _make_room(self, size: int, running: Mapping[str, int]) -> None:
        """The oldest of those that have ended are deleted. What runs counts as large as it may become."""
        ended = sorted((path.stat().st_mtime, path) for path in self._paths() if path.stem not in running)
        sizes = {path: path.stat().st_size for _, path in ended}
        room = self._most_bytes - size - sum(running.values())
        places = self._most - 1 - len(running)
        if room < 0 or places < 0:
            raise TraceRefusedError(
                f"the captures that run may take all the room there is ({self._most_bytes / 1e6:g} MB,"
                f" {self._most} captures)",
                "stop one (show traces), or give this one a smaller size",
            )
        for _, path in ended:
            if len(sizes) <= places and sum(sizes.values()) <= room:
                return
            path.unlink(missing_ok=True)
            del sizes[path]

    def _create(self, by: str, choice: Choice, limits: Limits) -> Begun:
        now = self._now()
        stem = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{_NO_NAME.sub('_', by)[:32] or '_'}"
        for number in range(1, 1000):
            name = stem if number == 1 else f"{stem}.{number}"
            with suppress(FileExistsError):
                descriptor = os.open(self._path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                break
        else:
            raise TraceRefusedError("too many captures within one second")
        header = line(
            {
                "callisto_trace": FORMAT,
                "version": self._version,
                "started": now,
                "by": by[:100],
                "choice": encode(choice),
                "limits": {"seconds": limits.seconds, "size": limits.size},
            }
        )
        try:
            os.write(descriptor, header)
        except OSError:
            os.close(descriptor)
            self._path(name).unlink()
            raise
        return Begun(name, descriptor, len(header))


def checked(limits: Limits) -> Limits:
    """Raises TraceRefusedError for what is out of bounds."""
    if not SHORTEST_S <= limits.seconds <= LONGEST_S:
        raise TraceRefusedError(
            f"a trace cannot last {limits.seconds:g} s", f"{SHORTEST_S:g} s to {LONGEST_S / 3600:g} hours"
        )
    if not SMALLEST <= limits.size <= LARGEST:
        raise TraceRefusedError(
            f"a capture cannot take {limits.size / 1e6:g} MB",
            f"{SMALLEST / 1e6:g} to {LARGEST / 1e6:g} MB",
        )
    return limits


def line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def last_line(at: float, reason: str, records: int, lost: int) -> bytes:
    return line({"ended": at, "reason": reason, "records": records, "lost": lost})


def _is_capture(path: Path) -> bool:
    return path.suffix == ".jsonl" and bool(_NAME.fullmatch(path.stem)) and path.is_file()


def _opened(path: Path) -> Any:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def _unknown(name: str) -> TraceRefusedError:
    return TraceRefusedError(f"there is no capture {name[:60]!r}", "show traces lists them")


def _look(path: Path, *, running: bool) -> Capture:
    with _opened(path) as file:
        about = os.fstat(file.fileno())
        header = _object(file.readline(64 << 10))
        file.seek(max(0, about.st_size - END_OF_FILE))
        last = _object(file.read(END_OF_FILE).rstrip(b"\n").rpartition(b"\n")[2])
    if "reason" not in last:
        last = {} if running else {"ended": about.st_mtime, "reason": CUT_OFF}
    return Capture(
        name=path.stem,
        by=str(header.get("by", "")),
        choice=_choice(header),
        started=_moment(header.get("started"), about.st_mtime),
        ended=_moment(last["ended"], about.st_mtime) if last else None,
        reason=str(last.get("reason", "")),
        size=about.st_size,
        records=_count(last.get("records")),
        lost=_count(last.get("lost")),
    )


def _object(text: bytes) -> dict[str, Any]:
    """What stands on a line; empty when that is no object."""
    with suppress(ValueError, RecursionError):
        value = json.loads(text)
        if isinstance(value, dict):
            return value
    return {}


def _choice(header: Mapping[str, Any]) -> Choice:
    with suppress(ValueError, AttributeError):
        return decode(header.get("choice", {}))
    return EVERYTHING


def _moment(value: object, otherwise: float) -> datetime:
    if isinstance(value, int | float):
        with suppress(ValueError, OverflowError, OSError):
            return datetime.fromtimestamp(value, UTC)
    return datetime.fromtimestamp(otherwise, UTC)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None

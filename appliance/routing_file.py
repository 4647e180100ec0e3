"""The routing table on its way from the supervisor to the router: one file, always whole."""

from __future__ import annotations

import os
from pathlib import Path

from router.model import RoutingTable
from router.table import decode


def write(path: Path, text: str) -> None:
    """Replace the file at once: whoever reads it gets the old or the new table, after a power cut too."""
    neighbour = path.with_name(path.name + ".new")
    handle = os.open(neighbour, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(handle)
    neighbour.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class RoutingFile:
    """The reader's side: notices a new file by its stat."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    def look(self) -> RoutingTable | None:
        """The table, if the file is another one than at the last look. Raises OSError when there is none, and
        TableError, once, when it cannot be read."""
        stat = self._path.stat()
        seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if seen == self._seen:
            return None
        self._seen = seen
        return decode(self._path.read_bytes().decode(errors="replace"))

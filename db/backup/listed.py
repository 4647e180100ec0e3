"""The list of files of an archive that was unpacked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from db.backup.manifest import FILES
from db.backup.placed import LONGEST_LINE, Placed, of_line


def files_in(folder: Path) -> Iterator[Placed]:
    """The files of an archive that was unpacked there, one after the other. Raises ForeignArchiveError."""
    with (folder / FILES).open("rb") as listed:
        while line := listed.readline(LONGEST_LINE):
            yield of_line(line)

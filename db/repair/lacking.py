"""Whether a store lacks changes that had been answered, though SQLite calls it sound: its log may be gone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pysqlite3

from db.journal import files
from db.journal.format import MAGIC, FormatError, Frames, Place, record_of
from db.journal.writer import place_of


def lacking(path: Path, journal: Path) -> int:
    """How many answered changes the journal has after the place where the store at `path` is. Others may
    write meanwhile. Raises OSError, pysqlite3.Error."""
    # The sizes first: what others write afterwards is in the store when its place is asked for.
    sizes = {each: files.path_of(journal, each).stat().st_size for each in files.generations(journal)}
    with closing(pysqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)) as raw:
        place = place_of(raw)
    return answered(journal, place, sizes)


def answered(journal: Path, place: Place, sizes: Mapping[int, int]) -> int:
    """Changes after `place` on which others build, as far as files had these sizes. The last one of all may
    never have been answered."""
    if place.generation not in sizes:
        return 0
    newest = place.seq
    for generation in sorted(each for each in sizes if each >= place.generation):
        with files.path_of(journal, generation).open("rb") as file:
            begin, crc = (place.end, place.crc) if generation == place.generation else (len(MAGIC), 0)
            file.seek(begin)
            frames = Frames(file, crc)
            try:
                if generation != place.generation:
                    next(frames, None)  # the header
                for payload in frames:
                    if frames.end <= sizes[generation]:
                        newest = max(newest, record_of(payload).base)
            except FormatError:
                return 0
    return newest - place.seq

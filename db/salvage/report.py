"""What a salvage found, as a value that can be shown and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from db.salvage.format import Value

NAMED_AT_MOST = 1000
"""Lost rows that a report names for each table; `Salvaged.lost` has all."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A row that is gone, as far as an index still names it. `known`: its indexed columns."""

    rowid: int
    known: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Range:
    """Rows above `after` and up to `up_to` were on a page that is lost; None: not known. How many there were
    is not known; rows that are named or found elsewhere are among them."""

    after: int | None
    up_to: int | None


@dataclass(frozen=True, slots=True)
class TableReport:
    """`lost` rows are named by an index; `named`: the first of them. `ranges`: where no index names any."""

    table: str
    kept: int
    doubtful: int
    lost: int
    named: tuple[Lost, ...]
    ranges: tuple[Range, ...]

    @property
    def whole(self) -> bool:
        return not (self.doubtful or self.lost or self.ranges)


@dataclass(frozen=True, slots=True)
class Report:
    """`damaged`: pages that are nothing we know, or hold what cannot be; `schema_read`: the file still says
    which tables it has; `bad_frames` of the log, numbered from 1, `mended_pages` of these by one bit."""

    pages: int
    page_size: int
    damaged: int
    schema_read: bool
    freelist_read: bool
    log_frames: int
    bad_frames: tuple[int, ...]
    mended_pages: int
    tables: tuple[TableReport, ...]

    @property
    def whole(self) -> bool:
        """Nothing of the tables is missing, as far as the file can tell."""
        return all(table.whole for table in self.tables)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "whole": self.whole}

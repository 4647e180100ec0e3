"""What else knows the rows of the store: the journal with its snapshots, and backups."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from db.salvage.shapes import Row

Origin = Literal["journal", "backup"]


class Known(NamedTuple):
    """A row as it was last known to be: the values of all columns as SQLite stores them."""

    row: Row
    origin: Origin


class Sources(Protocol):
    def replay(self, into: Path) -> bool:
        """Make the store at `into`, exactly as it was after its last answered change. False, and nothing is
        there, when a part of what that takes is missing."""

    def rows(self, table: str) -> Iterable[Known]:
        """The rows of a table, as far as anything knows them; none comes twice."""


class NoSources:
    """There is neither a journal nor a backup."""

    def replay(self, into: Path) -> bool:  # noqa: ARG002
        return False

    def rows(self, table: str) -> Iterable[Known]:  # noqa: ARG002
        return ()

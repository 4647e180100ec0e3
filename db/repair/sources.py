"""What else knows the rows of the store: the journal with its snapshots, and backups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from db.journal.format import Place
from db.salvage.shapes import Row

Origin = Literal["journal", "backup"]


class Known(NamedTuple):
    """A row as it was last known to be: the values of all columns as SQLite stores them."""

    row: Row
    origin: Origin


class Sources(Protocol):
    """Whatever they need in between has a name that begins with that of `into`."""

    @property
    def journal(self) -> Path | None:
        """The folder of the store's journal."""

    def replay(self, into: Path, place: Place | None) -> bool:
        """Make the store at `into`, exactly as it was after its last answered change. `place`: where the
        damaged one says that it was in its journal. False when a part of what that takes is missing: what is
        there then is no store."""

    def rows(self, table: str, into: Path) -> Iterable[Known]:
        """The rows of a table, as far as anything knows them; none comes twice."""

    def notes(self) -> Sequence[str]:
        """What could not be used so far, and why."""


class NoSources:
    """There is neither a journal nor a backup."""

    @property
    def journal(self) -> None:
        return None

    def replay(self, into: Path, place: Place | None) -> bool:  # noqa: ARG002
        return False

    def rows(self, table: str, into: Path) -> Iterable[Known]:  # noqa: ARG002
        return ()

    def notes(self) -> Sequence[str]:
        return ()

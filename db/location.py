"""Where a store is."""

from __future__ import annotations

from pathlib import Path

from db.engine import parse_url, sqlite_path


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite store, None for a server. Raises StoreUnavailableError for what is no store
    URL."""
    return sqlite_path(parse_url(url))

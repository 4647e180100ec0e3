"""Every test of this folder runs on a store in SQLite and on one in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.store import Store, prepare
from tests.postgres import fresh_database


@pytest.fixture(params=["sqlite", "postgresql"])
def url(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Of an empty store, prepared."""
    if request.param == "postgresql":
        return fresh_database(request, prepare)
    url = f"sqlite:///{tmp_path}/callisto.db"
    prepare(url)
    return url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url, ram_mb=4096) as store:
        yield store

"""What the store does not load before somebody needs it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import create_mock_engine

from db import tables

STARTED = "import db.tables, db.engine, db.stores.office, db.stores.calls, sys; print(*sys.modules)"


def test_a_process_whose_store_is_a_file_loads_neither_postgresql_nor_yaml() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", STARTED], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "sqlalchemy.dialects.sqlite" in loaded
    assert not loaded & {"sqlalchemy.dialects.postgresql", "psycopg", "yaml"}


@pytest.mark.parametrize("url", ["sqlite://", "postgresql+psycopg://"])
def test_an_index_of_some_rows_is_one_in_either_dialect(url: str) -> None:
    said: list[Any] = []
    engine = create_mock_engine(url, lambda ddl, *_: said.append(ddl))
    tables.metadata.create_all(engine, checkfirst=False)
    made = [str(ddl.compile(dialect=engine.dialect)) for ddl in said]
    indexes = {line.split()[3]: line for line in made if "UNIQUE INDEX" in line}
    assert indexes["ix_users_number"].endswith("WHERE number <> ''")
    assert indexes["ix_groups_manager_number"].endswith("WHERE manager_number <> ''")
    assert indexes["ix_member_manager"].endswith("WHERE is_manager")

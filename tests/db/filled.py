"""A store with the sample office in it, and what is in its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pysqlite3

from db.prepare import prepare
from db.schema import MIGRATIONS, head
from db.store import Store
from db.tables import metadata
from db.variables.states import Actor

CLI = Actor("root", "", "cli")
HEAD = head(MIGRATIONS)


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def filled(path: Path) -> None:
    from db.sample import sample_office

    prepare(url_of(path))
    with Store.open(url_of(path)) as store:
        store.office.write(sample_office(), CLI)
        store.variables.set("gWebTimeout", "30", CLI)


def rows(path: Path) -> dict[str, list[Any]]:
    connection = pysqlite3.connect(str(path))
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    try:
        return {
            name: connection.execute(f'SELECT * FROM "{name}" ORDER BY 1, 2').fetchall()
            for name in metadata.tables
            if name not in {"users", "revision", "journal"} and name in there
        }
    finally:
        connection.close()


def schema_of(path: Path) -> str:
    connection = pysqlite3.connect(str(path))
    try:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    finally:
        connection.close()

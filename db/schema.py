"""Which schema a store has, and the steps to the present one on a connection."""

from __future__ import annotations

import importlib.metadata
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DBAPIError

from db import tables
from db.errors import StoreNewerError, StoreTooOldError, StoreUnavailableError

MIGRATIONS = Path(__file__).parent / "migrations"


class State(Enum):
    EMPTY = "empty"
    BEHIND = "behind"
    CURRENT = "current"


def must_be_current(connection: Connection, shown: str) -> str:
    """The schema, if it is the present one.

    Raises StoreUnavailableError, StoreTooOldError, StoreNewerError.
    """
    match state(connection, shown, MIGRATIONS):
        case State.EMPTY:
            raise StoreUnavailableError(
                f"there is no store in {shown} yet", hint="start the appliance once: it makes the store"
            )
        case State.BEHIND:
            found = _schema(connection)
            raise StoreTooOldError(
                f"the store {shown} has the schema {found}; this version needs {head(MIGRATIONS)}",
                hint="start the appliance: it brings the store to the present schema",
            )
        case State.CURRENT:
            return head(MIGRATIONS)


def state(connection: Connection, shown: str, migrations: Path) -> State:
    """How the store stands. Raises StoreNewerError; StoreUnavailableError for tables that are not ours."""
    present = set(inspect(connection).get_table_names())
    schema = _schema(connection) if "alembic_version" in present else None
    if schema is None:
        ours = present & set(tables.metadata.tables) if connection.dialect.name != "sqlite" else present
        if ours - {"alembic_version"}:
            raise _not_ours(shown, f"it has tables ({', '.join(sorted(ours)[:3])} …) of another program")
        return State.EMPTY
    known = {script.revision for script in ScriptDirectory(str(migrations)).walk_revisions()}
    if schema == head(migrations):
        return State.CURRENT
    if schema in known:
        return State.BEHIND
    if not (schema.isdecimal() and schema > head(migrations)):
        raise _not_ours(shown, f"it has the unknown schema {schema!r}")
    raise StoreNewerError(
        f"this store was written by a newer version ({_written_by(connection)}, schema {schema}); "
        f"this version knows schemas up to {head(migrations)}",
        hint="install that version or a later one, or use a store that this version has written; "
        "nothing has been changed",
    )


def head(migrations: Path) -> str:
    """The present schema: a number of four digits, as text."""
    return ScriptDirectory(str(migrations)).get_current_head() or ""


def _schema(connection: Connection) -> str | None:
    heads = MigrationContext.configure(connection).get_current_heads()
    return heads[0] if heads else None


def _written_by(connection: Connection) -> str:
    try:
        return str(connection.execute(text("SELECT written_by FROM revision")).scalar_one())
    except DBAPIError:
        return "which one is unknown"


def _not_ours(shown: str, reason: str) -> StoreUnavailableError:
    hint = "give store_url (CALLISTO_STORE_URL) a place of its own; nothing has been changed"
    return StoreUnavailableError(f"{shown} is not a store of this program: {reason}", hint=hint)


def upgrade(connection: Connection, migrations: Path) -> None:
    """All steps up to the head, in the transaction of `connection`."""
    # Alembic's configuration is an ini file where a percent sign is special.
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    _sign(connection)
    # What the journal has does not lead to these tables: a new generation is begun.
    if inspect(connection).has_table(tables.journal.name):
        connection.execute(tables.journal.update().values(generation=0))


def _sign(connection: Connection) -> None:
    """Say who made the schema, and tell the processes of it."""
    row = {"written_by": _program(), "prepared_at": datetime.now(UTC)}
    number = connection.execute(select(tables.revision.c.number)).scalar()
    if number is None:
        connection.execute(tables.revision.insert().values(id=1, number=1, **row))
    else:
        connection.execute(tables.revision.update().values(number=number + 1, **row))


def _program() -> str:
    try:
        return f"callisto-appliance {importlib.metadata.version('callisto-appliance')}"[:100]
    except importlib.metadata.PackageNotFoundError:
        return "callisto-appliance"

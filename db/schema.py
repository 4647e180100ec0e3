"""Which schema a store has, and the steps to the present one on a connection."""

from __future__ import annotations

import importlib.metadata
import re
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DBAPIError

from db import tables
from db.errors import StoreNewerError, StoreTooOldError, StoreUnavailableError

MIGRATIONS = Path(__file__).parent / "migrations"
_REVISION = re.compile(r'^revision = "(\d{4})"$', re.MULTILINE)


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
    known = revisions(migrations)
    if schema == known[-1]:
        return State.CURRENT
    if schema in known:
        return State.BEHIND
    if not (schema.isdecimal() and schema > known[-1]):
        raise _not_ours(shown, f"it has the unknown schema {schema!r}")
    raise StoreNewerError(
        f"this store was written by a newer version ({_written_by(connection)}, schema {schema}); "
        f"this version knows schemas up to {known[-1]}",
        hint="install that version or a later one, or use a store that this version has written; "
        "nothing has been changed",
    )


def head(migrations: Path) -> str:
    """The present schema: a number of four digits, as text."""
    return revisions(migrations)[-1]


def revisions(migrations: Path) -> tuple[str, ...]:
    """All schemas that there are steps to, the present one last. Read from the steps themselves: every
    process asks for it, and Alembic takes 0.2 s and 9 MB to be loaded."""
    steps = (migrations / "versions").glob("v*.py")
    found = (_REVISION.search(step.read_text(encoding="utf-8")) for step in steps)
    return tuple(sorted(match[1] for match in found if match))


def _schema(connection: Connection) -> str | None:
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found) if found is not None else None


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
    from alembic import command  # needed once in a version's life
    from alembic.config import Config

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

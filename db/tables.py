"""The tables, for SQLite and PostgreSQL alike.

A damaged file is salvaged page by page, and a page does not say whose rows it holds: the shape of the rows
(how many columns, of which types) tells tables apart. No two tables here may have the same shape.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    event,
    text,
    true,
)

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
metadata = MetaData(naming_convention=NAMING)


class Utc(TypeDecorator[datetime]):
    """Aware datetimes, kept as UTC. SQLite has no zones: there the zone is implied."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value!r} has no zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _unique_where(name: str, column: str, condition: str) -> Index:
    """A unique index over the rows that `condition` is true of, in either dialect."""
    return Index(name, column, unique=True, sqlite_where=text(condition))


@event.listens_for(Table, "before_create")
def _tell_postgresql(table: Table, connection: Connection, **_: object) -> None:
    """Here and not where the index is: an option of a dialect loads it, 2 MB in each process."""
    if connection.dialect.name == "postgresql":
        for index in table.indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]


revision = Table(
    "revision",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_row"), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("written_by", String(100), nullable=False),
    Column("prepared_at", Utc, nullable=False),
)
"""One row. `number` goes up in every commit that changes what a process reads; `written_by`: the program
that made or last migrated the store."""

journal = Table(
    "journal",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_row"), primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("crc", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
)
"""One row: where the store is in its journal (`db.journal`), raised by the commit that the journal's record
tells of. Generation 0: whoever writes next begins one. On PostgreSQL nobody reads it."""

users = Table(
    "users",
    metadata,
    Column("user", String(64), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("address", String(255), nullable=False),
    Column("number", String(40), nullable=False),
    Column("password_hash", String(255), nullable=False),
    Column("created_at", Utc, nullable=False),
    _unique_where("ix_users_number", "number", "number <> ''"),
)
"""`password_hash`: argon2id, empty for somebody who cannot log in."""

user_role = Table(
    "user_role",
    metadata,
    Column("user", ForeignKey("users.user", ondelete="CASCADE"), primary_key=True),
    Column("role", String(20), primary_key=True),
)

presence = Table(
    "presence",
    metadata,
    Column("user", ForeignKey("users.user", ondelete="CASCADE"), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("message", String(200), nullable=False),
    Column("since", Utc, nullable=False),
)

forwarding = Table(
    "forwarding",
    metadata,
    Column("user", ForeignKey("users.user", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(24), primary_key=True),
    Column("target", String(128), nullable=False),
)

groups = Table(
    "groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("manager_number", String(40), nullable=False),
    Column("announcement", String(255), nullable=False),
    Column("ring_parallel", Boolean, nullable=False),
    Column("manager_timeout", Integer, nullable=False),
    Column("assistant_timeout", Integer, nullable=False),
    Column("overflow_kind", String(16), nullable=False),
    Column("overflow_target", String(128), nullable=False),
    Column("show_calls", Boolean, nullable=False),
    Column("show_vip_calls", Integer, nullable=False),
    Column("vip_routing", Integer, nullable=False),
    Column("vip_threshold", Integer, nullable=False),
    Column("assistant_direct", Boolean, nullable=False),
    Column("strategy", String(16), nullable=False),
    Column("need_registered", Boolean, nullable=False, server_default=true()),
    Column("need_idle", Boolean, nullable=False, server_default=true()),
    Column("need_unforwarded", Boolean, nullable=False, server_default=true()),
    UniqueConstraint("name"),
    _unique_where("ix_groups_manager_number", "manager_number", "manager_number <> ''"),
)

member = Table(
    "member",
    metadata,
    Column("group_id", ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True),
    Column("user", ForeignKey("users.user", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("is_manager", Boolean, nullable=False),
    UniqueConstraint("group_id", "position"),
    _unique_where("ix_member_manager", "group_id", "is_manager"),
)
"""`position`: hunting order; the manager, at most one, is at 0."""

vip_entry = Table(
    "vip_entry",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("group_id", ForeignKey("groups.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("pattern", String(64), nullable=False),
    Column("description", String(200), nullable=False),
    Column("expires", Utc, nullable=True),
    UniqueConstraint("group_id", "position"),
)

contact = Table(
    "contact",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("rank", Integer, nullable=False),
)

contact_number = Table(
    "contact_number",
    metadata,
    Column("contact_id", ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("number", String(40), nullable=False),
)

variable_change = Table(
    "variable_change",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("user", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("old", String(1000), nullable=False),
    Column("new", String(1000), nullable=False),
    Column("old_is_default", Boolean, nullable=False),
    Column("new_is_default", Boolean, nullable=False),
    Column("undoes", ForeignKey("variable_change.id"), nullable=True),
    Column("undone_by", ForeignKey("variable_change.id"), nullable=True),
    Index("ix_variable_change_name", "name", "id"),
)
"""Grows only. `user` is no foreign key: the history outlives the people in it."""

variable = Table(
    "variable",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", String(1000), nullable=False),
    Column("change_id", ForeignKey("variable_change.id"), nullable=False),
)
"""Only what somebody has set; a variable without a row has its default."""

trial = Table(
    "trial",
    metadata,
    Column("change_id", Integer, ForeignKey("variable_change.id"), primary_key=True, autoincrement=False),
    Column("given_s", Integer, nullable=False),
    Column("until", Utc, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("ended", Utc, nullable=True),
    Column("told", Boolean, nullable=False),
)
"""A change that is taken back at `until`, `given_s` seconds after it was made, unless somebody confirms it.
`outcome`: a `db.variables.trials.Outcome`; `told`: whoever made the change knows how it ended."""

call = Table(
    "call",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("started", Utc, nullable=False, index=True),
    Column("ended", Utc, nullable=False),
    Column("answered", Utc, nullable=True),
    Column("caller", String(128), nullable=False),
    Column("caller_raw", String(128), nullable=False),
    Column("caller_name", String(128), nullable=False),
    Column("dialled", String(128), nullable=False),
    Column("group", String(100), nullable=False),
    Column("vip", Boolean, nullable=False),
    Column("result", String(16), nullable=False),
    Column("status", Integer, nullable=False),
    Column("agent", String(64), nullable=True),
    Column("talk_s", Float, nullable=False),
    Column("ring_s", Float, nullable=False),
    Column("steps", JSON, nullable=False),
)
"""`group`, `agent`: as they were called then. `steps`: the explanation, written and read whole."""

spool_position = Table(
    "spool_position",
    metadata,
    Column("source", String(255), primary_key=True),
    Column("offset", BigInteger, nullable=False),
    Column("updated", Utc, nullable=False),
)
"""How far each file of call records has been taken in."""

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("user", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("action", String(64), nullable=False),
    Column("detail", Text, nullable=False),
)

job_run = Table(
    "job_run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("variable", String(64), nullable=False),
    Column("due", Utc, nullable=False),
    Column("started", Utc, nullable=True),
    Column("finished", Utc, nullable=True),
    Column("late_s", Float, nullable=True),
    Column("result", String(1000), nullable=False),
    Index("ix_job_run_variable", "variable", "id"),
)
"""`started` and `finished` are empty for a run that was missed; `late_s`: start after due."""

backup_target = Table(
    "backup_target",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("host", String(255), nullable=False),
    Column("port", Integer, nullable=False),
    Column("user", String(64), nullable=False),
    Column("secret", String(8000), nullable=False),
    Column("folder", String(500), nullable=False),
    Column("known_by", String(200), nullable=False),
    Column("schedule", String(16), nullable=False),
    Column("keep_daily", Integer, nullable=False),
    Column("keep_weekly", Integer, nullable=False),
    Column("keep_monthly", Integer, nullable=False),
    Column("alarm_days", Integer, nullable=False),
    Column("password", String(400), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("since", Utc, nullable=False),
    Column("proven", String(100), nullable=False),
    Column("proven_at", Utc, nullable=True),
    Column("result", String(1000), nullable=False),
)
"""`secret`: a password or a private key; `known_by`: the fingerprint of the server; `schedule`: as `9,02:00`.
`since`: when it was made or enabled; `proven`: the last backup there that is good, carried at `proven_at`;
`result`: of the last attempt."""

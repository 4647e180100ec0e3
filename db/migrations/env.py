"""Alembic's entry: runs the steps on the connection that `db.schema` has opened for them, and on no other.

That connection has foreign keys off: SQLite rebuilds a table to alter it, and dropping the old one with
foreign keys on deletes every row that refers to it, without an error.
"""

from __future__ import annotations

from alembic import context

from db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()

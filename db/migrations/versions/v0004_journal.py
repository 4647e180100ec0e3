"""Where the store is in its journal of changes.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """A table of its own with its one row; generation 0: the journal is begun by whoever writes next."""
    table = op.create_table(
        "journal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("crc", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_journal_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
    )
    op.bulk_insert(table, [{"id": 1, "generation": 0, "seq": 0, "crc": 0, "end": 0}])

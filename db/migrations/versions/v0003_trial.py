"""Changes on trial: taken back unless somebody confirms them in time.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """A table of its own: nothing that is there is touched."""
    op.create_table(
        "trial",
        sa.Column("change_id", sa.Integer(), nullable=False),
        sa.Column("given_s", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["variable_change.id"], name=op.f("fk_trial_change_id")),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_trial")),
    )

"""Where backups are carried to.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """A new table; none has a row in it yet."""
    op.create_table(
        "backup_target",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("secret", sa.String(8000), nullable=False),
        sa.Column("folder", sa.String(500), nullable=False),
        sa.Column("known_by", sa.String(200), nullable=False),
        sa.Column("schedule", sa.String(16), nullable=False),
        sa.Column("keep_daily", sa.Integer(), nullable=False),
        sa.Column("keep_weekly", sa.Integer(), nullable=False),
        sa.Column("keep_monthly", sa.Integer(), nullable=False),
        sa.Column("alarm_days", sa.Integer(), nullable=False),
        sa.Column("password", sa.String(400), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proven", sa.String(100), nullable=False),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.String(1000), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_backup_target")),
    )

"""What a group wants of an assistant's phone: registered, in no call, not forwarded.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Columns with a default are added in place: no table is rebuilt, so no row can be lost."""
    for name in ("need_registered", "need_idle", "need_unforwarded"):
        op.add_column("groups", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true()))

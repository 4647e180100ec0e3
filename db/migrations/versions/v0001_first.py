"""The first tables: people, groups, variables with their history, calls, audit trail, jobs.

Revision ID: 0001
Revises: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _revision()
    _people()
    _groups()
    _members()
    _contacts()
    _variables()
    _records()


def _revision() -> None:
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("written_by", sa.String(length=100), nullable=False),
        sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_revision_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
    )


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_users")),
    )
    op.create_index(
        "ix_users_number",
        "users",
        ["number"],
        unique=True,
        sqlite_where=sa.text("number <> ''"),
        postgresql_where=sa.text("number <> ''"),
    )
    op.create_table(
        "forwarding",
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("target", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(
            ["user"], ["users.user"], name=op.f("fk_forwarding_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user", "kind", name=op.f("pk_forwarding")),
    )
    op.create_table(
        "presence",
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("message", sa.String(length=200), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.user"], name=op.f("fk_presence_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_presence")),
    )
    op.create_table(
        "user_role",
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.user"], name=op.f("fk_user_role_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user", "role", name=op.f("pk_user_role")),
    )


def _groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("manager_number", sa.String(length=40), nullable=False),
        sa.Column("announcement", sa.String(length=255), nullable=False),
        sa.Column("ring_parallel", sa.Boolean(), nullable=False),
        sa.Column("manager_timeout", sa.Integer(), nullable=False),
        sa.Column("assistant_timeout", sa.Integer(), nullable=False),
        sa.Column("overflow_kind", sa.String(length=16), nullable=False),
        sa.Column("overflow_target", sa.String(length=128), nullable=False),
        sa.Column("show_calls", sa.Boolean(), nullable=False),
        sa.Column("show_vip_calls", sa.Integer(), nullable=False),
        sa.Column("vip_routing", sa.Integer(), nullable=False),
        sa.Column("vip_threshold", sa.Integer(), nullable=False),
        sa.Column("assistant_direct", sa.Boolean(), nullable=False),
        sa.Column("strategy", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_groups_name")),
    )
    op.create_index(
        "ix_groups_manager_number",
        "groups",
        ["manager_number"],
        unique=True,
        sqlite_where=sa.text("manager_number <> ''"),
        postgresql_where=sa.text("manager_number <> ''"),
    )


def _members() -> None:
    op.create_table(
        "member",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_manager", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_member_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user"], ["users.user"], name=op.f("fk_member_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_id", "user", name=op.f("pk_member")),
        sa.UniqueConstraint("group_id", "position", name=op.f("uq_member_group_id_position")),
    )
    op.create_index(
        "ix_member_manager",
        "member",
        ["group_id"],
        unique=True,
        sqlite_where=sa.text("is_manager"),
        postgresql_where=sa.text("is_manager"),
    )
    op.create_table(
        "vip_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("pattern", sa.String(length=64), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_vip_entry_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vip_entry")),
        sa.UniqueConstraint("group_id", "position", name=op.f("uq_vip_entry_group_id_position")),
    )


def _contacts() -> None:
    op.create_table(
        "contact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
    )
    op.create_table(
        "contact_number",
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_contact_number_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "position", name=op.f("pk_contact_number")),
    )


def _variables() -> None:
    op.create_table(
        "variable_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("old", sa.String(length=1000), nullable=False),
        sa.Column("new", sa.String(length=1000), nullable=False),
        sa.Column("old_is_default", sa.Boolean(), nullable=False),
        sa.Column("new_is_default", sa.Boolean(), nullable=False),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.Column("undone_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["undoes"], ["variable_change.id"], name=op.f("fk_variable_change_undoes")),
        sa.ForeignKeyConstraint(
            ["undone_by"], ["variable_change.id"], name=op.f("fk_variable_change_undone_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_variable_change")),
    )
    op.create_index("ix_variable_change_name", "variable_change", ["name", "id"], unique=False)
    op.create_table(
        "variable",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.String(length=1000), nullable=False),
        sa.Column("change_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["variable_change.id"], name=op.f("fk_variable_change_id")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_variable")),
    )


def _records() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "call",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered", sa.DateTime(timezone=True), nullable=True),
        sa.Column("caller", sa.String(length=128), nullable=False),
        sa.Column("caller_raw", sa.String(length=128), nullable=False),
        sa.Column("caller_name", sa.String(length=128), nullable=False),
        sa.Column("dialled", sa.String(length=128), nullable=False),
        sa.Column("group", sa.String(length=100), nullable=False),
        sa.Column("vip", sa.Boolean(), nullable=False),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(length=64), nullable=True),
        sa.Column("talk_s", sa.Float(), nullable=False),
        sa.Column("ring_s", sa.Float(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call")),
    )
    op.create_index(op.f("ix_call_started"), "call", ["started"], unique=False)
    op.create_table(
        "job_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("variable", sa.String(length=64), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late_s", sa.Float(), nullable=True),
        sa.Column("result", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
    )
    op.create_index("ix_job_run_variable", "job_run", ["variable", "id"], unique=False)
    op.create_table(
        "spool_position",
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_spool_position")),
    )

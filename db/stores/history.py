"""A line of the history as it is read from its table."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from db.variables.states import Actor, Change


def change_of(row: Row[Any]) -> Change:
    actor = Actor(row.user, row.address, row.channel)
    return Change(
        row.id, row.at, actor, row.name, row.old, row.new, row.old_is_default, row.new_is_default,
        row.undoes, row.undone_by,
    )  # fmt: skip

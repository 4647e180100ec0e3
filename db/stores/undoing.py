"""Which change an undo takes back, and whether it still may; on a connection."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from db import tables
from db.errors import UndoRefusedError
from db.stores.history import change_of
from db.variables.states import Change, VariableState


def to_take_back(connection: Connection, change_id: int | None) -> Change:
    """The change with this number; None: the last one that stands. Raises UndoRefusedError when there is none
    or it has been undone already."""
    return _standing(connection) if change_id is None else _numbered(connection, change_id)


def must_still_count(connection: Connection, now: VariableState, change: Change) -> None:
    """Raises UndoRefusedError when the variable, as it is `now`, has moved on since that change."""
    history = tables.variable_change
    later = connection.scalar(
        select(func.max(history.c.id)).where(
            history.c.name == change.name,
            history.c.id > change.id,
            history.c.undone_by.is_(None),
            history.c.undoes.is_(None),
        )
    )
    left = (change.new, change.new_is_default)
    if later is None and (now.value, now.is_default) == left:
        return
    by = f" by change #{later}" if later else ""
    raise UndoRefusedError(
        f"{change.name} has moved on since change #{change.id}{by}: it is {now.shown} now",
        hint="set the value you want, or undo the later change first",
    )


def mark_undone(connection: Connection, change: Change, by: int) -> None:
    """`change` stands no longer; what it had itself taken back does again."""
    history = tables.variable_change
    connection.execute(update(history).where(history.c.id == change.id).values(undone_by=by))
    if change.undoes is not None:
        connection.execute(update(history).where(history.c.id == change.undoes).values(undone_by=None))


def _standing(connection: Connection) -> Change:
    history = tables.variable_change
    row = connection.execute(
        select(history)
        .where(history.c.undone_by.is_(None), history.c.undoes.is_(None))
        .order_by(history.c.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise UndoRefusedError("there is nothing to undo", hint="the history shows what has been changed")
    return change_of(row)


def _numbered(connection: Connection, change_id: int) -> Change:
    history = tables.variable_change
    row = connection.execute(select(history).where(history.c.id == change_id)).one_or_none()
    if row is None:
        problem = f"there is no change #{change_id}"
        raise UndoRefusedError(problem, hint="the history shows the numbers")
    change = change_of(row)
    if change.undone_by is not None:
        problem = f"change #{change.id} has been undone already, by #{change.undone_by}"
        raise UndoRefusedError(problem, hint=f"undo {change.undone_by} would bring it back")
    return change

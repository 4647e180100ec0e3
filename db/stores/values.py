"""The values of the system variables in the store: what counts, and how it is kept; on a connection."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from db import tables
from db.stores.history import change_of
from db.text import kept as kept_text
from db.variables.catalogue import CATALOGUE, Variable
from db.variables.states import Actor, Change, VariableState


def states(connection: Connection, edition: str) -> tuple[VariableState, ...]:
    """Every variable with its value, in the order of the catalogue."""
    history = tables.variable_change
    newest = select(func.max(history.c.id)).group_by(history.c.name)
    rows = connection.execute(select(history).where(history.c.id.in_(newest)))
    changes = {row.name: change_of(row) for row in rows}
    kept = {row.name: row.value for row in connection.execute(select(tables.variable))}
    return tuple(
        _composed(variable, kept.get(variable.name), changes.get(variable.name), edition)
        for variable in CATALOGUE
    )


def put(
    connection: Connection,
    variable: Variable,
    value: str | None,
    *,
    actor: Actor,
    at: datetime,
    edition: str,
    undoes: int | None = None,
) -> Change:
    """Keep `value` (stored form; None: the default) and its line in the history."""
    before = state(connection, variable, edition)
    after = _composed(variable, value, None, edition)
    row = {
        "at": at,
        "user": kept_text(actor.user, 64),
        "address": kept_text(actor.address, 64),
        "channel": actor.channel,
        "name": variable.name,
        "old": before.value,
        "new": after.value,
        "old_is_default": before.is_default,
        "new_is_default": after.is_default,
        "undoes": undoes,
    }
    history = tables.variable_change
    change = change_of(connection.execute(insert(history).values(row).returning(history)).one())
    connection.execute(delete(tables.variable).where(tables.variable.c.name == variable.name))
    if value is not None:
        connection.execute(
            insert(tables.variable).values(name=variable.name, value=value, change_id=change.id)
        )  # fmt: skip
    return change


def values(connection: Connection, edition: str) -> dict[str, str]:
    """What counts for every variable, by name, in stored form."""
    kept = {row.name: row.value for row in connection.execute(select(tables.variable))}
    return {each.name: kept.get(each.name, each.default_for(edition)) for each in CATALOGUE}


def with_change(connection: Connection, variable: Variable, edition: str) -> VariableState:
    """One variable with its value and the change that made it so."""
    history = tables.variable_change
    newest = select(history).where(history.c.name == variable.name).order_by(history.c.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return replace(state(connection, variable, edition), last_change=None if row is None else change_of(row))


def state(connection: Connection, variable: Variable, edition: str) -> VariableState:
    """One variable with its value, `last_change` left out."""
    table = tables.variable
    value = connection.scalar(select(table.c.value).where(table.c.name == variable.name))
    return _composed(variable, value, None, edition)


def _composed(variable: Variable, value: str | None, change: Change | None, edition: str) -> VariableState:
    counts = variable.default_for(edition) if value is None else value
    missing = "" if edition in variable.editions else variable.edition_reason
    return VariableState(variable, counts, variable.shown(counts), value is None, change, missing)

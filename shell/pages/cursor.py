"""What `?` says at its place in a line: what may come next, and how things are now."""

from __future__ import annotations

from db.errors import StoreError
from db.variables.catalogue import find
from shell.completion import Known, explain
from shell.help import at_cursor
from shell.layout import pairs
from shell.pages import words
from shell.registry import Context
from shell.term import Line


async def help_at(context: Context, typed: str, columns: int, known: Known) -> tuple[Line, ...]:
    """For a variable that is to be set: its value, default and range too, and who has set it."""
    lines = at_cursor(context.commands, typed, columns, known)
    given = typed.split()
    meant = explain(context.commands, typed)
    if len(given) < 2 or not any("value" in [a.kind for a in command.arguments] for command in meant):
        return lines
    try:
        state = await context.services.variables.get(find(given[1]).name)
    except StoreError:
        return lines
    services, variable = context.services, state.variable
    last = state.last_change
    now = services.now()
    return (
        *pairs(
            [
                ("Now", words.value(variable, state.value)),
                ("Default", words.default(state, services.rules)),
                ("Right is", variable.expected(services.rules)),
                ("Restarts", words.restarts(variable)),
                ("Calls", words.calls(variable)),
                ("Changed", words.change(last, services.zone, now) if last else "never"),
            ],
            columns,
        ),
        *lines,
    )

"""System variables: show, set, reset, history, undo."""

from __future__ import annotations

from shell.pages.changes import confirm, numbers, show_changes, waiting_numbers
from shell.pages.variables import (
    reset_variable,
    set_variable,
    show_history,
    show_variable,
    show_variables,
    undo,
)
from shell.registry import Argument, Command

_NAME = Argument("NAME", "variable", help="a system variable")

COMMANDS: tuple[Command, ...] = (
    Command(("show", "variables"), "All system variables", show_variables),
    Command(
        ("show", "variable"), "One system variable: value, default, what is right", show_variable, (_NAME,)
    ),
    Command(
        ("show", "history"),
        "What was changed, by whom",
        show_history,
        (Argument("NAME", "variable", optional=True, help="a system variable; without it, all of them"),),
    ),
    Command(
        ("show", "changes"),
        "What was changed since when, and the commands that do and undo it",
        show_changes,
        (
            Argument(
                "SINCE",
                optional=True,
                help="since yesterday, today, 2h, 3d, a date and time, or a change's number; else 7 days",
                words=("since", "yesterday", "today", "2h", "3d"),
                repeats=True,
            ),
        ),
    ),
    Command(
        ("set",),
        "Change a system variable",
        set_variable,
        (
            _NAME,
            Argument(
                "VALUE", "value", said_later=True, help='the new value, to the end of the line; "" for blank'
            ),
        ),
        changes=True,
    ),
    Command(("reset",), "Put a system variable back to its default", reset_variable, (_NAME,), changes=True),
    Command(
        ("undo",),
        "Take back a change",
        undo,
        (
            Argument(
                "NUMBER",
                "number",
                optional=True,
                help="as in show changes; without it, the last change",
                source=numbers,
            ),
        ),
        changes=True,
    ),
    Command(
        ("confirm",),
        "Keep a change that would be undone",
        confirm,
        (
            Argument(
                "NUMBER",
                "number",
                optional=True,
                help="of the change; without it, all that wait",
                source=waiting_numbers,
            ),
        ),
        changes=True,
    ),
    # As other equipment has it.
    Command(("commit",), "As confirm, without a number", confirm, changes=True, hidden=True),
    Command(("commit", "confirm"), "As confirm, without a number", confirm, changes=True, hidden=True),
)

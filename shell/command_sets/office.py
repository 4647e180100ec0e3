"""The office and its calls, to look at."""

from __future__ import annotations

from shell.pages.calls import latest_ids, show_call, show_calls
from shell.pages.office import group_names, show_groups, show_office
from shell.pages.rehearsal import explain_call
from shell.registry import Argument, Command

COMMANDS: tuple[Command, ...] = (
    Command(("show", "calls"), "The latest calls, and what came of them", show_calls),
    Command(
        ("show", "call"),
        "One call: who was rung, and why",
        show_call,
        (Argument("ID", help="as in show calls, or its beginning", source=latest_ids),),
    ),
    Command(("show", "office"), "The people of the office", show_office),
    Command(
        ("show", "groups"),
        "The groups and their members",
        show_groups,
        (
            Argument(
                "GROUP", optional=True, help="a name, or the manager's number: all of it", source=group_names
            ),
        ),
    ),
    Command(
        ("explain",),
        "What would happen to a call, without making it",
        explain_call,
        (
            Argument(
                "NUMBER",
                help="of a manager, or its group's name; then from CALLER, and at YYYY-MM-DD HH:MM",
                source=group_names,
            ),
        ),
        filtered=True,
    ),
)

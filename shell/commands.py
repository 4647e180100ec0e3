"""All commands of this version. Help, completion, parsing, roles and the menu come from here."""

from __future__ import annotations

from shell.help import show_help
from shell.pages.audit import show_audit
from shell.pages.clock import check_server, set_clock, set_sync, set_zone, show_clock
from shell.pages.information import show_info
from shell.pages.jobs import show_jobs
from shell.pages.variables import (
    reset_variable,
    set_variable,
    show_history,
    show_variable,
    show_variables,
    undo,
)
from shell.registry import Answer, Argument, Command, Context, Leave, OpenMenu
from shell.reply import Reply

_NAME = Argument("NAME", "variable", help="a system variable")


async def _menu(_context: Context, _arguments: tuple[str, ...]) -> Answer:
    return OpenMenu()


async def _leave(_context: Context, _arguments: tuple[str, ...]) -> Answer:
    return Leave()


async def _nothing(_context: Context, _arguments: tuple[str, ...]) -> Answer:
    return Reply(())


COMMANDS = (
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
    Command(("show", "info"), "System information", show_info),
    Command(("show", "clock"), "Date, time and zone, and the time server", show_clock),
    Command(("show", "jobs"), "Planned restarts, and how the last ones went", show_jobs),
    Command(("show", "audit"), "Who logged in, and did what", show_audit),
    Command(
        ("set",),
        "Change a system variable",
        set_variable,
        (
            _NAME,
            Argument("VALUE", said_later=True, help='the new value, to the end of the line; "" for blank'),
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
                "NUMBER", "number", optional=True, help="as in show history; without it, the last change"
            ),
        ),
        changes=True,
    ),
    Command(
        ("clock", "set"),
        "Set date and time",
        set_clock,
        (
            Argument("YYYY-MM-DD", help="the date"),
            Argument("HH:MM[:SS]", help="the time, in the zone that show clock names"),
            Argument(
                "first|second|force",
                optional=True,
                help="which one, of a time that comes twice; force: more than five minutes need no yes",
            ),
        ),
        changes=True,
    ),
    Command(
        ("clock", "zone"),
        "Set the time zone",
        set_zone,
        (Argument("ZONE", "zone", help="such as Europe/Zurich"),),
        changes=True,
    ),
    Command(
        ("clock", "sync"),
        "Switch the synchronisation with the time server",
        set_sync,
        (Argument("on|off", "switch"),),
        changes=True,
    ),
    Command(("clock", "check"), "Ask the time server for the time, once", check_server),
    Command(("menu",), "Show the menu", _menu),
    Command(
        ("help",),
        "All commands, or one of them",
        show_help,
        (Argument("COMMAND", optional=True, help="a command, or its beginning"),),
    ),
    Command(("exit",), "Leave", _leave),
    Command(("logout",), "Leave", _leave, hidden=True),
    Command(("quit",), "Leave", _leave, hidden=True),
    # What programs written for other equipment send first, to turn off paging and wrapping.
    Command(
        ("terminal",), "Accepted and ignored", _nothing, (Argument("SETTING", optional=True),), hidden=True
    ),
)

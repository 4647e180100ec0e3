"""The menu, help, and the way out."""

from __future__ import annotations

from shell.help import show_help
from shell.registry import Answer, Argument, Command, Context, Leave, OpenMenu
from shell.reply import Reply


async def _menu(_context: Context, _arguments: tuple[str, ...]) -> Answer:
    return OpenMenu()


async def _leave(_context: Context, _arguments: tuple[str, ...]) -> Answer:
    return Leave()


async def _nothing(_context: Context, _arguments: tuple[str, ...]) -> Answer:
    return Reply(())


COMMANDS: tuple[Command, ...] = (
    Command(("menu",), "Show the menu", _menu),
    Command(
        ("help",),
        "All commands, or one of them",
        show_help,
        (Argument("COMMAND", "command", optional=True, help="a command, or its beginning"),),
        filtered=True,
    ),
    Command(("exit",), "Leave", _leave),
    Command(("logout",), "Leave", _leave, hidden=True),
    Command(("quit",), "Leave", _leave, hidden=True),
    # What programs written for other equipment send first, to turn off paging and wrapping.
    Command(
        ("terminal",), "Accepted and ignored", _nothing, (Argument("SETTING", optional=True),), hidden=True
    ),
)

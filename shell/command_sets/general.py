"""The menu, help, and the way out."""

from __future__ import annotations

from shell.help import show_help
from shell.pages.terminal import set_terminal
from shell.pages.watch import watch
from shell.registry import Answer, Argument, Command, Context, Leave, OpenMenu


async def _menu(_context: Context, _arguments: tuple[str, ...]) -> Answer:
    return OpenMenu()


async def _leave(_context: Context, _arguments: tuple[str, ...]) -> Answer:
    return Leave()


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
    Command(
        ("watch",),
        "Show something again and again, until a key is pressed",
        watch,
        (
            Argument(
                "[SECONDS] COMMAND", "command", said_later=True, help="a show command; every 2 s unless said"
            ),
        ),
    ),
    # Programs written for other equipment send it first, to turn off paging and wrapping.
    Command(
        ("terminal",),
        "How large your terminal is: length 0 never pauses",
        set_terminal,
        (
            Argument(
                "SETTING", optional=True, help="length ROWS, or width COLUMNS", words=("length", "width")
            ),
        ),
    ),
)

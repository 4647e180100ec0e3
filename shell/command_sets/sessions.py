"""Who is logged in."""

from __future__ import annotations

from shell.pages.sessions import disconnect, others, others_or_all, send_message, show_sessions
from shell.registry import Argument, Command

COMMANDS: tuple[Command, ...] = (
    Command(("show", "sessions"), "Who is logged in, from where, and what he does", show_sessions),
    Command(
        ("message",),
        "Show a line to somebody who is logged in",
        send_message,
        (
            Argument("SESSION|all", source=others_or_all, help="a number, as in show sessions"),
            Argument("TEXT", help="what he is told, to the end of the line"),
        ),
    ),
    Command(
        ("disconnect",),
        "Put somebody out",
        disconnect,
        (
            Argument("SESSION", source=others, help="a number, as in show sessions"),
            Argument("REASON", optional=True, help="he is told, and the audit trail keeps it"),
        ),
        changes=True,
    ),
)

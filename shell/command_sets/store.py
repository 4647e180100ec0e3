"""What is done to the store as a whole."""

from __future__ import annotations

from shell.pages.compact import compact
from shell.registry import Argument, Command

COMMANDS: tuple[Command, ...] = (
    Command(
        ("compact",),
        "Delete old records, and make the store small",
        compact,
        (Argument("force", optional=True, help="it is not asked first", words=("force",)),),
        changes=True,
        filtered=True,
    ),
)

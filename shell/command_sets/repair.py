"""Repair Database."""

from __future__ import annotations

from shell.pages.repair import check, show_repairs, start, status
from shell.registry import Argument, Command

COMMANDS: tuple[Command, ...] = (
    Command(("repair", "check"), "What is damaged in the store; nothing is stopped", check, filtered=True),
    Command(
        ("repair", "start"),
        "Repair the store: the web server stops meanwhile, calls go on",
        start,
        (Argument("force", optional=True, help="without asking, and a sound one too", words=("force",)),),
        changes=True,
    ),
    Command(("repair", "status"), "How far a repair is, or what came of it", status, filtered=True),
    Command(
        ("show", "repairs"),
        "The repairs that there were, and what was lost",
        show_repairs,
        (Argument("REPAIR", optional=True, help="as in show repairs, or last: all of it", words=("last",)),),
    ),
)

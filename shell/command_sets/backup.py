"""Backup."""

from __future__ import annotations

from shell.pages.backup import PLAIN, backup, show_backups, status
from shell.registry import Argument, Command

COMMANDS: tuple[Command, ...] = (
    Command(
        ("backup",),
        "Make a backup of everything, with a password if you like; calls go on",
        backup,
        (
            Argument(
                PLAIN, optional=True, help="without a password, and without asking", words=(PLAIN, "to")
            ),
            Argument("to TARGET", optional=True, help="where it goes; without it, it stays here"),
        ),
        changes=True,
    ),
    Command(("backup", "status"), "How far a backup is, or what came of it", status, filtered=True),
    Command(("show", "backups"), "The backups on this machine", show_backups),
)

"""What comes before a bug report: the self test."""

from __future__ import annotations

from shell.pages.checks import self_test
from shell.registry import Command

COMMANDS: tuple[Command, ...] = (
    Command(
        ("self", "test"), "Check machine, network, PBX and store, with remedies", self_test, filtered=True
    ),
)

"""All commands of this version. Help, completion, parsing, roles and the menu come from here."""

from __future__ import annotations

from shell.command_sets import (
    backup,
    checks,
    clock,
    general,
    information,
    office,
    repair,
    restore,
    sessions,
    store,
    targets,
    trace,
    updates,
    variables,
)
from shell.registry import Command

COMMANDS: tuple[Command, ...] = (
    *trace.COMMANDS,
    *repair.COMMANDS,
    *backup.COMMANDS,
    *restore.COMMANDS,
    *targets.COMMANDS,
    *updates.COMMANDS,
    *variables.COMMANDS,
    *information.COMMANDS,
    *clock.COMMANDS,
    *checks.COMMANDS,
    *sessions.COMMANDS,
    *office.COMMANDS,
    *store.COMMANDS,
    *general.COMMANDS,
)

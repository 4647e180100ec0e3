"""What the roles may do: every command is tried, those that come later too."""

from __future__ import annotations

import pytest

from shell.commands import COMMANDS
from shell.registry import Command
from tests.fakes.shell_ports import Office
from tests.shell.test_session import run

CHANGING = [command for command in COMMANDS if command.changes]
READING = [command for command in COMMANDS if not command.changes]


def line(command: Command) -> str:
    """With as many arguments as it needs."""
    given = ["1" for each in command.arguments if not each.optional]
    return " ".join((command.name, *given))


def name(command: Command) -> str:
    return command.name


@pytest.mark.parametrize("command", CHANGING, ids=name)
async def test_support_is_refused_whatever_changes_and_that_is_noted(command: Command) -> None:
    office = Office()
    before = (office.clock.time, office.clock.zone, office.clock.sync)
    shown = await run(office, line(command), role="support")
    assert f"% {command.name}: your role (support) may read but not change" in shown
    assert office.audit.said("refused") == [command.name]
    assert office.audit.said("command") == [line(command)]
    assert not await office.variables.history()
    assert (office.clock.time, office.clock.zone, office.clock.sync) == before


@pytest.mark.parametrize("command", READING, ids=name)
async def test_support_may_do_all_else(command: Command) -> None:
    """Refused for other reasons, perhaps: the arguments are no good."""
    office = Office()
    before = (office.clock.time, office.clock.zone, office.clock.sync)
    shown = await run(office, line(command), role="support")
    assert "may read but not change" not in shown
    assert office.audit.said("refused") == []
    assert not await office.variables.history()
    assert (office.clock.time, office.clock.zone, office.clock.sync) == before


@pytest.mark.parametrize("command", CHANGING, ids=name)
async def test_an_administrator_is_refused_nothing_for_his_role(command: Command) -> None:
    office = Office()
    assert "your role" not in await run(office, line(command))
    assert office.audit.said("refused") == []


def test_whatever_changes_something_by_its_name_is_marked() -> None:
    words = {"set", "reset", "undo", "disconnect", "delete", "commit", "restart", "start"}
    assert not [
        command.name for command in READING if words & set(command.words) and "trace" not in command.words
    ]

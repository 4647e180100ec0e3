"""The trace's page of the menu, the processes beside it, and completion."""

from __future__ import annotations

import asyncio
import json

from shell.commands import COMMANDS
from shell.completion import Known, suggest
from shell.obey import obey
from shell.pages.calls import latest_ids
from shell.ports import SystemUnavailableError
from shell.session import converse
from shell.term import Suggestion
from shell.trace_ports import Doing
from tests.fakes.shell_ports import Office, ScriptedTerm
from tests.shell.telnet.client import eventually
from tests.shell.test_session import context, run
from tests.shell.watching import CALL, WITHIN, invite, kept, record


async def test_processes_are_shown_every_second_until_a_key() -> None:
    office = Office()
    term = ScriptedTerm(rich=True)
    task = asyncio.create_task(obey(context(office), term, "trace processes"))
    await eventually(lambda: "3 calls now" in term.shown, "it is shown")
    office.trace.doing = (Doing("router", "ready", 2, ("4 calls now",)),)
    await eventually(lambda: "4 calls now" in term.shown, "it is shown anew")
    term.press("x", "q")
    await asyncio.wait_for(task, WITHIN)


async def test_processes_are_shown_once_on_a_line_terminal_and_as_data() -> None:
    office = Office()
    assert "3 calls now" in await run(office, "trace processes")
    shown = await run(office, "trace processes | json")
    found = json.loads(shown[shown.index("[") : shown.rindex("]") + 1])
    assert found[1] == {"process": "router", "state": "ready", "pid": 2, "doing": ["3 calls now"]}


async def play(
    office: Office, *answers: str, keys: str = " " * 40
) -> tuple[ScriptedTerm, asyncio.Task[None]]:
    """A person at the menu, who ends the live view when it has begun."""
    term = ScriptedTerm(*answers, rich=True, keys=keys)
    return term, asyncio.create_task(converse(context(office), term))


async def test_a_number_is_traced_by_numbers() -> None:
    office = Office()
    term, session = await play(office, "1", "2", "044 123 45 67", "", "0", "exit")
    await eventually(lambda: "Trace of number 0441234567" in term.shown, "it looks")
    office.trace.put(invite(), record("other"))
    await eventually(lambda: "INVITE sip:300" in term.shown, "it is shown")
    term.press("q")
    await asyncio.wait_for(session, WITHIN)
    assert "other" not in term.shown
    assert "Looking now: nobody." in term.shown
    assert "Captures: 1, 0 running" in term.shown
    assert office.audit.said("command")[:2] == ["menu 1", 'trace number "044 123 45 67"']


async def test_a_capture_is_drawn_and_deleted_by_numbers() -> None:
    office = Office()
    name = await kept(office, invite(), record("the end", call=CALL))
    term, session = await play(office, "1", "8", "1", "2", "", "", "1", "4", "", "", "0", "exit")
    await asyncio.wait_for(session, WITHIN)
    assert f"Call {CALL}" in term.shown
    assert f"{name} is deleted." in term.shown
    assert "There are no captures" in term.shown
    assert await office.trace.captures() == []


async def test_the_page_says_when_there_is_no_supervisor() -> None:
    office = Office()
    office.trace.failure = SystemUnavailableError("nobody listens")
    term, session = await play(office, "1", "", "exit")
    await asyncio.wait_for(session, WITHIN)
    assert "% the trace is not to be had: nobody listens" in term.shown


async def test_a_wrong_number_is_said_and_asked_again() -> None:
    term, session = await play(Office(), "1", "99", "0", "exit")
    await asyncio.wait_for(session, WITHIN)
    assert "% '99' is not one of the numbers" in term.shown


def test_a_choice_is_completed_with_the_newest_calls() -> None:
    known = Known(words={latest_ids: [Suggestion(CALL, "from 0441234567")]})
    assert [one.word for one in suggest(COMMANDS, "trace sip call ", known)] == [CALL]
    assert [one.word for one in suggest(COMMANDS, "trace level w", known)] == ["warning"]
    assert [one.word for one in suggest(COMMANDS, "show trace last number 200 gr", known)] == ["group"]
    assert "processes" in [one.word for one in suggest(COMMANDS, "trace ", known)]

"""Again and again, and how large the terminal is."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shell.pages.watch import AT_MOST_S
from shell.session import converse
from shell.term import plain
from tests.fakes.shell_ports import CTRL_C, Office, ScriptedTerm
from tests.shell.telnet.client import eventually
from tests.shell.test_session import context, run


@pytest.mark.parametrize("key", ["q", " ", CTRL_C])
async def test_a_rich_terminal_shows_it_anew_until_a_key(key: str) -> None:
    office, term = Office(), ScriptedTerm("watch 1 show variables | match gWeb", rich=True)
    session = asyncio.create_task(converse(context(office), term))
    await eventually(lambda: "every 1 s" in term.shown, "shown")
    await office.variables.set("gWebTimeout", "77", context(office).actor)
    await eventually(lambda: "77 min" in term.shown, "shown")
    term.press(key)
    await asyncio.wait_for(session, 8)
    assert term.shown.count("every 1 s: show variables | match gWeb") >= 2
    assert term.prompts == ["callisto# ", "callisto# "]


async def test_a_line_terminal_has_the_time_between_and_ends_with_enter() -> None:
    office, term = Office(), ScriptedTerm("watch 1 show variables | count")
    session = asyncio.create_task(converse(context(office), term, script=True))
    await eventually(lambda: term.shown.count("-- 2026-11-24 13:00:00\n18") >= 2, "shown")
    term.press("")
    await asyncio.wait_for(session, 8)


async def test_what_cannot_be_shown_now_may_be_the_next_time() -> None:
    office, term = Office(), ScriptedTerm("watch 1 show info")
    office.system.fail()
    session = asyncio.create_task(converse(context(office), term, script=True))
    await eventually(lambda: "the supervisor does not answer" in term.shown, "shown")
    office.system.now = {"version": "9.9"}
    await eventually(lambda: "9.9" in term.shown, "shown")
    term.press(CTRL_C)
    await asyncio.wait_for(session, 8)


async def test_it_ends_by_itself_when_nobody_can_be_looking_any_more() -> None:
    office = Office()
    times = iter([0.0, 1.0, AT_MOST_S, AT_MOST_S + 1])
    services = replace(office.services(), monotonic=lambda: next(times))
    term = ScriptedTerm("watch 1 show jobs")
    await asyncio.wait_for(converse(replace(context(office), services=services), term, script=True), 8)
    assert "% Watched for 4 h: ended." in term.shown


async def test_the_line_going_away_ends_it() -> None:
    term = ScriptedTerm("watch show jobs", rich=True)
    term.press(None)
    await asyncio.wait_for(converse(context(Office()), term), 8)
    assert len(term.prompts) == 1


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("watch", "the command is missing"),
        ("watch 5", "the command is missing"),
        ("watch 0 show jobs", "not every 0 s"),
        ("watch 3601 show jobs", "not every 3601 s"),
        ("watch set gWebTimeout 3", "set is not watched"),
        ("watch watch show jobs", "watch is not watched"),
        ("watch show nonsense", "is no command"),
    ],
)
async def test_what_is_not_watched_is_refused(line: str, wrong: str) -> None:
    assert f"% {wrong}" in (shown := await run(Office(), line)) or wrong in shown
    assert "%" in shown


async def test_without_a_length_nothing_pauses() -> None:
    term = ScriptedTerm("help", "terminal length 0", "help", rich=True, rows=10, keys="q")
    await converse(context(Office()), term)
    assert sum("more:" in plain(line) for line in term.lines) == 1
    assert term.shown.count("Words may be shortened") == 1


async def test_length_and_width_are_as_said_until_auto() -> None:
    term = ScriptedTerm("terminal length 40", "term wid 60", rich=True)
    await converse(context(Office()), term)
    assert (term.rows, term.columns) == (40, 60)
    term = ScriptedTerm("terminal length 40", "terminal length auto", "terminal width 0", rich=True)
    await converse(context(Office()), term)
    assert (term.rows, term.columns) == (24, 80)


@pytest.mark.parametrize("line", ["terminal length -1", "terminal width 5", "terminal length 1001 x"])
async def test_a_size_that_cannot_be_is_refused(line: str) -> None:
    assert "was not understood" in await run(Office(), line)


@pytest.mark.parametrize("line", ["terminal width 511", "terminal length 0", "terminal pager 0", "terminal"])
async def test_what_programs_send_first_is_accepted_without_a_word(line: str) -> None:
    assert await run(Office(), line) == f"callisto# {line}"

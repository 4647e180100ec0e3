"""Compact on the terminal."""

from __future__ import annotations

import asyncio
import json

from shell.compact_ports import CompactRefusedError
from shell.menu import ENTRIES
from shell.session import converse
from tests.fakes.shell_ports import CTRL_C, Office, ScriptedTerm
from tests.shell.test_session import context, run, talk


async def test_it_says_what_goes_and_does_it_after_a_yes() -> None:
    office = Office()
    shown = await talk(office, "compact", "yes")
    before, _, after = shown.partition("Compact the store now? (yes/no)")
    assert "call records: 4,711 older than 1095 days are deleted" in before
    assert "lines of the audit trail: all are kept" in before
    for text in ("40.0 MB", "18.0 MB", "22.0 MB", "4,711 call records", "0.12 s", "1.5 s"):
        assert text in after
    assert [actor.user for actor in office.compact.asked] == ["admin"]


async def test_after_anything_else_nothing_is_done() -> None:
    office = Office()
    for answer in ("no", "", "perhaps"):
        assert "othing was changed" in await talk(office, "compact", answer)
    assert "instead: compact force" in await run(office, "compact")
    assert office.compact.asked == []


async def test_forced_it_is_not_asked_and_is_there_for_programs() -> None:
    office = Office()
    assert "18.0 MB" in await run(office, "compact force")
    shown = await run(office, "compact force | json")
    found = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
    assert (found["before_bytes"], found["after_bytes"]) == (40_000_000, 18_000_000)
    assert found["writers_waited_s"] == 0.123
    assert "right is compact [force]" in await run(office, "compact at once")


async def test_somebody_with_support_may_not() -> None:
    office = Office()
    assert "may read but not change" in await run(office, "compact force", role="support")
    assert office.compact.asked == []


async def test_a_refusal_is_shown_with_its_way_out() -> None:
    office = Office()
    office.compact.failure = CompactRefusedError("compacting needs 9 MB of room", "make room there")
    shown = await run(office, "compact force")
    assert "% compacting needs 9 MB of room" in shown
    assert "make room there" in shown


async def test_whoever_leaves_is_told_that_it_goes_on() -> None:
    office = Office()
    office.compact.hold = asyncio.Event()
    terminal = ScriptedTerm("compact force", "exit", rich=True)
    terminal.press(CTRL_C)
    async with asyncio.timeout(10):
        await converse(context(office), terminal)
    assert "It goes on without you" in terminal.shown


async def test_the_menu_has_it() -> None:
    office = Office()
    number = [entry.command for entry in ENTRIES].index("compact") + 1
    terminal = ScriptedTerm(str(number), "yes", "", "0", rich=True, keys=" " * 40)
    await converse(context(office), terminal)
    assert "Compact Database" in terminal.shown
    assert "18.0 MB" in terminal.shown

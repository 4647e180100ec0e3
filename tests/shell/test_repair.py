"""Repair Database on the terminal."""

from __future__ import annotations

import asyncio
import json

from shell.session import converse
from tests.fakes.menu import number_of
from tests.fakes.repair import SOUND, FakeRepair
from tests.fakes.shell_ports import CTRL_C, Office, ScriptedTerm
from tests.shell.test_session import context, run, talk


async def test_a_look_says_what_a_repair_would_keep_and_stops_nothing() -> None:
    office = Office()
    shown = await run(office, "repair check")
    assert "The store is damaged." in shown
    assert "Tree 5 page 9: wrong" in shown
    assert "call" in shown.partition("A repair would keep:")[2]
    assert office.repair.begun == []


async def test_a_repair_is_confirmed_followed_and_told_with_what_is_lost() -> None:
    office = Office()
    shown = await talk(office, "repair start", "yes")
    assert office.repair.begun == [("admin", False)]
    assert "build the new store (begun by admin)" in shown
    assert "repaired: 90 rows kept, 1 lost" in shown
    assert "call: lost: id c7, started 2026-11-24" in shown
    assert office.audit.said("repair") == [""]


async def test_without_a_yes_nothing_is_begun() -> None:
    office = Office()
    assert "Nothing was changed" in await talk(office, "repair start", "no")
    assert office.repair.begun == []


async def test_a_sound_store_is_repaired_only_by_force() -> None:
    office = Office()
    office.repair = FakeRepair(SOUND)
    assert "% The store is sound." in await run(office, "repair start")
    assert office.repair.begun == []
    await run(office, "repair start force")
    assert office.repair.begun == [("admin", True)]


async def test_support_may_look_but_not_repair() -> None:
    office = Office()
    shown = await run(office, "repair check", "repair start", role="support")
    assert "The store is damaged." in shown
    assert "may read but not change" in shown
    assert office.repair.begun == []


async def test_a_second_one_is_told_who_runs_the_first() -> None:
    office = Office()
    office.repair.hold = asyncio.Event()
    await office.repair.start("berta")
    assert "% berta has begun a repair already" in await run(office, "repair start force")


async def test_ctrl_c_leaves_it_alone_and_status_looks_in_again() -> None:
    office = Office()
    office.repair.hold = asyncio.Event()
    term = ScriptedTerm("repair start force")
    term.press(CTRL_C)
    async with asyncio.timeout(10):
        await converse(context(office), term, script=True)
    assert "It goes on. repair status looks in again." in term.shown
    office.repair.hold.set()
    assert "repaired: 90 rows kept" in await run(office, "repair status")


async def test_the_menu_has_it_second() -> None:
    office = Office()
    assert number_of("Repair Database") == "2"
    await talk(office, "2", "1", "yes", "", "0")
    assert office.repair.begun == [("admin", False)]


async def test_reports_are_listed_and_shown_for_programs() -> None:
    office = Office()
    assert "There is no report" in await run(office, "show repairs")
    await run(office, "repair start force")
    assert "20261124-120000" in await run(office, "show repairs")
    shown = await run(office, "show repairs last | json")
    found = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
    assert found["tables"][0]["lost"] == 1

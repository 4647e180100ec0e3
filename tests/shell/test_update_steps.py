"""Updates on the terminal: installed, planned, taken back, deleted, fetched."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from shell.session import converse
from tests.fakes.shell_ports import CTRL_C, ScriptedTerm
from tests.fakes.updates import update
from tests.shell.telnet.client import REFUSES_ALL, connected, serving, terminal
from tests.shell.test_session import context, run, talk
from tests.shell.update_office import (
    APPLICATION,
    OLDER,
    STRANGE,
    SYSTEM,
    done,
    stocked,
)


async def test_an_application_is_installed_by_a_word_that_is_typed() -> None:
    office, updates = stocked()
    shown = await talk(office, f"update install {APPLICATION}", "install")
    before, _, after = shown.partition("Type install to do it")
    assert "The services start anew: about 2 s without calls." in before
    assert "All calls end, and this session too." in before
    assert "0.2.0 runs, and all answers" in after
    assert updates.asked == [("install", APPLICATION, "admin")]
    assert "It runs." in await run(office, "show updates")
    assert "What it does" not in await run(office, f"update show {APPLICATION}")


@pytest.mark.parametrize("answer", ["yes", "", "instal", CTRL_C])
@pytest.mark.parametrize("line", [f"update install {APPLICATION}", "update back", "update reboot"])
async def test_any_other_word_changes_nothing(line: str, answer: str) -> None:
    office, updates = stocked()
    assert "Nothing was changed." in await talk(office, line, answer)
    assert updates.asked == []


async def test_a_system_is_installed_beside_and_started_by_a_reboot() -> None:
    office, updates = stocked()
    shown = await talk(office, f"update install {SYSTEM}", "install", "update reboot", "reboot")
    assert "calls go on. update reboot starts it." in shown
    assert "update reboot starts it" in shown
    assert "It starts 0.3.0 then." in shown
    assert "the machine starts anew" in shown
    assert done(updates) == [("install", SYSTEM), ("reboot", "")]


async def test_what_cannot_be_installed_says_why_before_it_asks() -> None:
    office, updates = stocked()
    shown = await talk(office, f"update install {STRANGE.name}")
    assert "% it is for debian13-python3.13" in shown
    assert "update the system first" in shown
    shown = await talk(office, f"update install {OLDER}")
    assert "% 0.0.9 is older than 0.1.0, which runs" in shown
    assert f"update install {OLDER} downgrade" in shown
    assert "% there is no update 'nothing'" in await talk(office, "update install nothing")
    updates.image = False
    assert "% this is no image" in await talk(office, f"update install {APPLICATION}", "install")
    assert updates.asked == []


async def test_a_downgrade_is_one_when_it_is_said() -> None:
    office, updates = stocked()
    await talk(office, f"update install {OLDER} downgrade", "install")
    assert done(updates) == [("install", OLDER)]


async def test_a_script_is_not_asked() -> None:
    office, updates = stocked()
    lines = (f"update install {APPLICATION}", "update back", "update reboot")
    for line in lines:
        assert "add force" in await run(office, line)
    assert f"instead: update delete {OLDER} force" in await run(office, f"update delete {OLDER}")
    assert updates.asked == []
    await run(office, *(f"{line} force" for line in lines), f"update delete {STRANGE.name} force")
    assert [what for what, _ in done(updates)] == ["install", "reboot", "delete"]
    updates.lost_rows = ("The store is again as it was on Monday.",)
    assert "Monday" not in await run(office, "update back force")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("14:30", datetime(2026, 11, 24, 13, 30, tzinfo=UTC)),
        ("02:30", datetime(2026, 11, 25, 1, 30, tzinfo=UTC)),
        ("2026-12-24 02:30", datetime(2026, 12, 24, 1, 30, tzinfo=UTC)),
        ("2027-03-28 02:30", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        ("2027-10-31 02:30", datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
    ],
    ids=["today", "tomorrow", "that day", "clocks go forward over it", "clocks go back over it"],
)
async def test_it_is_planned_in_the_zone_of_the_clock(said: str, meant: datetime) -> None:
    office, updates = stocked()
    shown = await talk(office, f"update install {APPLICATION} at {said}", "install", "show updates")
    state = await updates.state()
    assert state is not None
    assert state.at == meant
    assert "All calls end then" in shown
    assert shown.count("(planned by admin)") == 2
    assert f"{APPLICATION} will be installed on" in shown


async def test_what_is_planned_is_cancelled() -> None:
    office, _ = stocked()
    assert "% no update is planned" in await run(office, "update cancel")
    await run(office, f"update install {OLDER} downgrade at 23:00 force")
    assert "Tue 2026-11-24 23:00 (planned by admin)" in await run(office, "update status")
    assert f"{OLDER} will not be installed" in await run(office, "update cancel")
    assert "cancelled by admin" in await run(office, "update status")


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ("at", "right is HH:MM"),
        ("at 25:00", "right is HH:MM"),
        ("at noon", "right is HH:MM"),
        ("at 2026-11-24", "right is HH:MM"),
        ("at 2026-11-23 02:00", "has been already"),
        ("at 02:00 at 03:00", "right is: update install NAME"),
        ("force now", "right is: update install NAME"),
    ],
)
async def test_what_is_not_understood_is_said(rest: str, says: str) -> None:
    office, updates = stocked()
    assert says in await talk(office, f"update install {APPLICATION} {rest}", "install")
    assert updates.asked == []


async def test_whoever_leaves_can_look_in_again_and_a_second_one_is_told_whose_it_is() -> None:
    office, updates = stocked()
    updates.hold = asyncio.Event()
    start = f"update install {APPLICATION} force"
    term = ScriptedTerm(start, start, "show updates", "exit", rich=True)
    term.press(CTRL_C)
    async with asyncio.timeout(10):
        await converse(context(office), term)
    assert "It goes on. update status looks in again." in term.shown
    assert f"% admin is at it already: install {APPLICATION}" in term.shown
    told = f"[{'#' * 8}{'.' * 12}]  40 %  checks it (begun by admin): "
    assert term.shown.count(told) == 2
    assert " 40 % " in await run(office, "update status")
    updates.hold.set()
    assert "0.2.0 runs, and all answers" in await run(office, "update status")


async def test_a_supervisor_that_starts_anew_meanwhile_is_no_failure() -> None:
    office, updates = stocked()
    updates.hold = asyncio.Event()
    updates.lost = True
    shown = await talk(office, f"update install {APPLICATION} force")
    assert "it may be starting anew, for the update" in shown
    assert "%" not in shown.replace(" 40 % ", "")


async def test_what_falls_back_is_shown_with_why_and_kept() -> None:
    office, updates = stocked()
    updates.failure = ("the login page does not answer; 0.1.0 runs again", "update history keeps it")
    shown = await run(office, f"update install {APPLICATION} force", "update history")
    assert "the login page does not answer; 0.1.0 runs again" in shown
    assert "0.1.0 -> 0.2.0" in shown
    assert "fell back" in shown
    shown = await run(office, "update history | json")
    assert json.loads(shown[shown.index("[") : shown.rindex("]") + 1])[0]["what"] == "fell back"


async def test_back_to_what_ran_before() -> None:
    office, updates = stocked()
    assert "% there is no version to go back to" in await run(office, "update back force")
    await run(office, f"update install {OLDER} downgrade force", f"update install {APPLICATION} force")
    updates.lost_rows = ("The store is again as it was on Monday.",)
    shown = await talk(office, "update back", "back")
    assert "What ran before comes back: 0.0.9 (application)." in shown
    assert "The store is again as it was on Monday." in shown
    assert "0.0.9 runs, and all answers" in shown


async def test_what_is_lost_is_told_also_to_whoever_forces_it() -> None:
    office, updates = stocked()
    await run(office, f"update install {OLDER} downgrade force", f"update install {APPLICATION} force")
    updates.lost_rows = ("The store is again as it was on Monday.",)
    shown = await talk(office, "update back force")
    assert shown.index("again as it was on Monday") < shown.index("0.0.9 runs, and all answers")
    for asked in ("All calls end", "Type back"):
        assert asked not in shown


async def test_one_is_deleted_when_somebody_says_yes() -> None:
    office, updates = stocked()
    await talk(office, f"update delete {OLDER}", "no")
    assert OLDER in updates.bundles
    assert f"{OLDER} is deleted." in await talk(office, f"update delete {OLDER}", "yes")
    assert OLDER not in updates.bundles
    await run(office, f"update install {APPLICATION} force")
    assert "is running" in await run(office, f"update delete {APPLICATION} force")


async def test_one_is_fetched_from_a_target_whose_name_has_spaces() -> None:
    office, updates = stocked()
    updates.bundles.clear()
    updates.elsewhere = {"the vault": {APPLICATION: update(APPLICATION)}}
    assert f"{APPLICATION} is here, and good" in await run(office, f"update fetch the vault {APPLICATION}")
    assert APPLICATION in await run(office, "show updates")
    assert "% there is no target 'nowhere'" in await run(office, f"update fetch nowhere {APPLICATION}")
    assert "NAME is missing" in await run(office, "update fetch vault")


@pytest.mark.parametrize("first", [terminal("xterm"), REFUSES_ALL], ids=["rich", "lines"])
async def test_a_real_client_installs_one_and_its_progress_outlives_the_connection(first: bytes) -> None:
    office, updates = stocked()
    updates.hold = asyncio.Event()
    async with serving(office) as server:
        async with connected(server, first) as client:
            await client.log_in()
            await client.send(f"update install {APPLICATION}\r\n")
            await client.until("Type install to do it")
            await client.send("install\r\n")
            await client.until(b" 40 % ")
            client.abort()
        async with connected(server, first) as client:
            await client.log_in()
            await client.send("update status\r\n")
            await client.until(b" 40 % ")
            updates.hold.set()
            assert b"0.2.0 runs, and all answers" in await client.until("callisto#")

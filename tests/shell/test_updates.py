"""Updates on the terminal."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from db.variables.states import Actor
from shell.commands import COMMANDS
from shell.completion import Known, suggest
from shell.session import converse
from shell.term import plain, width
from shell.update_ports import Notice, Outcome, Update
from shell.vocabulary import Vocabulary
from tests.fakes.menu import number_of
from tests.fakes.shell_ports import CTRL_C, Office, ScriptedTerm
from tests.fakes.updates import AT, RUNNING, FakeUpdates, update
from tests.shell.telnet.client import REFUSES_ALL, connected, serving, terminal
from tests.shell.test_session import context, run, talk

APPLICATION = "callisto-0.2.0-x86_64.raucb"
SYSTEM = "callisto-system-0.3.0-x86_64.raucb"
OLDER = "callisto-0.0.9-x86_64.raucb"
ADMIN = Actor("admin", "", "telnet")
STRANGE = Update(
    "strange.raucb",
    99,
    "refused",
    "application",
    "0.4.0",
    verdict_reason="it is for debian13-python3.13; this system is debian12-python3.11",
    hint="update the system first",
)


def stocked(**others: Any) -> tuple[Office, FakeUpdates]:
    """With an application, a system and an older application; NOON is a Tuesday."""
    office = Office(**others)
    updates = office.updates
    assert updates is not None
    updates.bundles = {
        APPLICATION: update(APPLICATION),
        SYSTEM: update(SYSTEM, "0.3.0", "system"),
        OLDER: update(OLDER, "0.0.9"),
        STRANGE.name: STRANGE,
    }
    return office, updates


def done(updates: FakeUpdates) -> list[tuple[str, str]]:
    return [(what, name) for what, name, _ in updates.asked]


async def test_updates_are_listed_newest_first_with_what_each_does() -> None:
    office, _ = stocked()
    shown = await run(office, "show updates")
    assert shown.index("0.3.0") < shown.index("0.2.0") < shown.index("0.0.9") < shown.index("0.4.0")
    for text in (APPLICATION, SYSTEM, "system", "ready", "refused", "12.3 MB"):
        assert text in shown
    assert "Needs a reboot: about 24 s without calls." in shown
    assert "it is for debian13-python3.13" in shown
    assert "0.0.9 is older than 0.1.0, which runs" in shown
    assert (
        shown.partition("show updates")[2] == (await run(office, "update list")).partition("update list")[2]
    )


async def test_without_any_it_says_where_they_come_from() -> None:
    shown = await run(Office(), "show updates", "update history", "update status")
    assert "There is no update on this machine." in shown
    assert "update fetch TARGET NAME gets one" in shown
    assert "No update has been installed on this machine." in shown
    assert "No update has been done since the start" in shown


async def test_programs_get_them_as_data() -> None:
    office, _ = stocked()
    for line in ("show updates | json", "update list | json"):
        shown = await run(office, line)
        first = json.loads(shown[shown.index("[") : shown.rindex("]") + 1])[0]
        assert (first["name"], first["version"], first["kind"]) == (SYSTEM, "0.3.0", "system")
        assert (first["installable"], first["built_at"]) == (True, AT.isoformat())
        assert len(first["effects"]) == 2
    shown = await run(office, f"update show {STRANGE.name} | json")
    assert json.loads(shown[shown.index("{") : shown.rindex("}") + 1])["state"] == "refused"
    assert json.loads(
        (await run(office, "update show nothing | json")).partition("json")[2].rpartition("}")[0] + "}"
    )


async def test_one_is_shown_with_all_that_is_known_of_it() -> None:
    office, _ = stocked()
    shown = await run(office, f"update show {SYSTEM}")
    for text in ("0.3.0 system", "Callisto development", "Fewer words, more calls.", "What it does"):
        assert text in shown
    assert "  - The store changes from 0005 to 0006: backups made before cannot be" in shown
    shown = await run(office, "update show callisto-0.0.9-x86_64")
    assert "Downgrade  0.0.9 is older than 0.1.0, which runs" in shown


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
    assert "Type back" not in shown


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


async def test_support_may_look_but_change_nothing() -> None:
    office, updates = stocked()
    shown = await run(office, "show updates", f"update show {SYSTEM}", "update status", role="support")
    assert "may read but not change" not in shown
    for line in (f"update install {SYSTEM} force", "update reboot force", "update seen", "update cancel"):
        assert "may read but not change" in await run(office, line, role="support")
    shown = await run(office, f"update delete {OLDER} force", "update back force", role="support")
    assert shown.count("may read but not change") == 2
    assert updates.asked == []


async def test_without_updates_nothing_offers_them() -> None:
    office = Office(updates=None)
    term = ScriptedTerm("show updates", "exit", rich=True)
    await converse(context(office), term)
    menu, _, answer = term.shown.partition("callisto#")
    assert "Updates" not in menu
    assert "0  Exit" in menu
    assert "% there are no updates here" in answer


async def test_names_are_completed() -> None:
    office, _ = stocked()
    vocabulary = Vocabulary(context(office))
    await vocabulary.ask()
    known = vocabulary.known
    offered = suggest(COMMANDS, "update install callisto-0", known)
    assert [each.word for each in offered] == [APPLICATION, OLDER]
    assert offered[0].help == "0.2.0 application ready"
    assert "downgrade" in [each.word for each in suggest(COMMANDS, f"update install {OLDER} ", known)]
    words = {each.word for each in suggest(COMMANDS, "update ", Known())}
    assert words == {
        "list", "show", "install", "cancel", "delete", "back", "reboot", "status", "history", "seen", "fetch",
    }  # fmt: skip


# The login


OUTCOME = Notice("0.2.0 fell back: the login page did not answer; 0.1.0 runs", "the log says more")
BACKUP = Notice("No backup has been made since the update.", "backup makes one", "backup")


async def test_an_administrator_is_told_at_the_login_until_he_has_seen_it() -> None:
    office, updates = stocked()
    updates.told = [OUTCOME, BACKUP]
    shown = await talk(office, "update seen")
    menu, _, _ = shown.partition("callisto#")
    for text in (OUTCOME.text, OUTCOME.hint, "update seen: it is not told again.", BACKUP.text, BACKUP.hint):
        assert text in menu
    shown = await talk(office)
    assert OUTCOME.text not in shown
    assert "update seen" not in shown
    assert BACKUP.text in shown


async def test_a_login_does_not_wait_for_a_supervisor_that_is_silent() -> None:
    office, updates = stocked()
    updates.told = [OUTCOME]
    updates.lost = True
    assert "callisto# exit" in await talk(office, "exit")


@pytest.mark.parametrize("first", [terminal("xterm"), REFUSES_ALL], ids=["rich", "lines"])
async def test_it_is_told_on_a_real_connection_and_a_script_is_spared(first: bytes) -> None:
    office, updates = stocked()
    updates.told = [OUTCOME]
    async with serving(office) as server:
        async with connected(server, first) as client:
            assert b"0.2.0 fell back" in await client.log_in()
        async with connected(server, REFUSES_ALL) as client:
            assert b"fell back" not in await client.log_in("admin+s")


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


async def test_hostile_text_does_not_steer_the_terminal() -> None:
    office, updates = stocked()
    bad = "\x1b[2J\x1b]0;x\x07\u202e.raucb"
    why = "\x1b[1mno\r\n"
    updates.bundles = {
        bad: Update(
            bad,
            1,
            "refused",
            "",
            "\x1b[31m9",
            verdict_reason=why,
            hint="\x9b2J",
            effects=("\x1bc",),
        )
    }
    updates.told = [Notice("\x1b[2Jtold", "\x1b[2Jhint")]
    updates.past = [Outcome(AT, "\x1b[2J", "\x1b[2J", "\x1b[2J", False, "\x1b[2J", "\x1b[2J", "\x1b[2J")]
    async with serving(office) as server, connected(server, REFUSES_ALL) as client:
        await client.log_in()
        for line in ("show updates", "update history", "update show 1"):
            await client.command(line)
        await client.send(f"{number_of('Updates')}\r\n1\r\n0\r\n0\r\n")
        await client.until("Exit")
        await client.send("exit\r\n")
        await client.closed()
        assert b"^[[2J" in client.seen
        for steering in (b"\x1b", b"\x07", "\x9b".encode(), "\u202e".encode()):
            assert steering not in client.seen


# The menu


async def test_the_menu_opens_one_by_its_number_and_installs_it() -> None:
    office, updates = stocked()
    shown = await talk(office, number_of("Updates"), "2", "1", "install", "0", "0", "exit", rich=False)
    assert done(updates) == [("install", APPLICATION)]
    assert "1  Install it now" in shown
    assert "3  Delete it" in shown


async def test_the_menu_plans_cancels_deletes_reboots_and_goes_back() -> None:
    office, updates = stocked()
    menu = number_of("Updates")
    await talk(office, menu, "3", "2", "23:00", "install", "0", "5", "0", "exit", rich=False)
    assert done(updates) == [("install", OLDER)]
    state = await updates.state()
    assert state is not None
    assert state.result == "cancelled by admin"
    await talk(
        office, menu, "4", "1", "yes", "1", "1", "install", "1", "reboot", "0", "0", "exit", rich=False
    )
    assert done(updates)[1:] == [("delete", STRANGE.name), ("install", SYSTEM), ("reboot", "")]
    await run(office, f"update install {OLDER} downgrade force", f"update install {APPLICATION} force")
    shown = await talk(office, menu, "5", "back", "0", "exit", rich=False)
    assert "Back to the version before" in shown
    assert done(updates)[-1] == ("back", OLDER)


async def test_support_sees_the_pages_without_what_it_may_not_do() -> None:
    office, updates = stocked()
    shown = await talk(office, number_of("Updates"), "1", "1", "0", "0", "exit", role="support", rich=False)
    assert "Install it now" not in shown
    assert "% '1' is not one of the numbers" in shown
    assert updates.asked == []


async def test_every_page_fits_a_screen_of_24_rows() -> None:
    office, updates = stocked()
    await run(office, f"update install {OLDER} downgrade force", f"update install {SYSTEM} force")
    updates.told = [OUTCOME, BACKUP]
    updates.hold = asyncio.Event()
    await updates.install(APPLICATION, ADMIN)
    for number in ("", "1", "2", "3", "4"):
        term = ScriptedTerm(number_of("Updates"), number, rich=True, keys=" " * 9)
        await converse(context(office), term)
        page = [plain(line) for line in term.lines]
        starts = [index for index, line in enumerate(page) if line.startswith(" Callisto")]
        for start, end in pairwise((*starts, len(page))):
            assert end - start <= 24, page[start:end]
            assert max(map(width, page[start:end])) <= 80, page[start:end]


async def test_the_page_is_this() -> None:
    office, _ = stocked()
    term = ScriptedTerm(number_of("Updates"), rich=True)
    await converse(context(office), term)
    page = [plain(line).rstrip() for line in term.lines]
    start = [index for index, line in enumerate(page) if line.startswith(" Callisto")][-1]
    assert "\n".join(page[start + 2 :]) == GOLDEN
    assert RUNNING in page[start]


GOLDEN = """\
No.  Version  Kind         State    Size     Update
  1  0.3.0    system       ready    12.3 MB  callisto-system-0.3.0-x86_64.raucb
     Needs a reboot: about 24 s without calls. The store changes from 0005 to
     0006: backups made before cannot be restored.
  2  0.2.0    application  ready    12.3 MB  callisto-0.2.0-x86_64.raucb
     The services start anew: about 2 s without calls. No reboot, no change of
     the store.
  3  0.0.9    application  ready    12.3 MB  callisto-0.0.9-x86_64.raucb
     0.0.9 is older than 0.1.0, which runs
  4  0.4.0    application  refused  0.0 MB   strange.raucb
     it is for debian13-python3.13; this system is debian12-python3.11

  5  How far it is, or what came of the last one
  6  Former updates
  0  Back"""

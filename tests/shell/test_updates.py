"""Updates on the terminal: what is listed, offered and told."""

from __future__ import annotations

import json

import pytest

from shell.commands import COMMANDS
from shell.completion import Known, suggest
from shell.session import converse
from shell.update_ports import Notice, Outcome, Update
from shell.vocabulary import Vocabulary
from tests.fakes.menu import number_of
from tests.fakes.shell_ports import Office, ScriptedTerm
from tests.fakes.updates import AT
from tests.shell.telnet.client import REFUSES_ALL, connected, serving, terminal
from tests.shell.test_session import context, run, talk
from tests.shell.update_office import (
    APPLICATION,
    BACKUP,
    OLDER,
    OUTCOME,
    STRANGE,
    SYSTEM,
    stocked,
)


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

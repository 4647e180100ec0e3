"""Backup on the terminal."""

from __future__ import annotations

import asyncio
import json

from shell.session import converse
from tests.fakes.backup import NAME
from tests.fakes.menu import number_of
from tests.fakes.shell_ports import CTRL_C, Office, ScriptedTerm
from tests.shell.test_session import context, run, talk

SECRET = "a long sentence of mine"


async def test_a_person_is_asked_for_a_password_twice_and_told_what_came_of_it() -> None:
    office = Office()
    shown = await talk(office, "backup", SECRET, SECRET)
    ((actor, destination, password),) = office.backup.asked
    assert (actor.user, destination, password) == ("admin", "", SECRET)
    assert f"{NAME} is good (with a password)." in shown
    assert "12.3 MB with 4,711 rows" in shown
    assert SECRET not in "".join(note.detail for note in office.audit.notes)


async def test_two_passwords_that_differ_begin_nothing() -> None:
    office = Office()
    assert "% the two are not the same" in await talk(office, "backup", SECRET, "another one")
    assert office.backup.asked == []


async def test_enter_is_no_password_and_plain_is_not_asked() -> None:
    office = Office()
    assert "is good (without a password)." in await talk(office, "backup", "")
    assert "is good (without a password)." in await run(office, "backup plain")
    assert [password for _, _, password in office.backup.asked] == ["", ""]


async def test_ctrl_c_instead_of_a_password_begins_nothing() -> None:
    office = Office()
    assert "Nothing was begun." in await talk(office, "backup", CTRL_C)
    assert office.backup.asked == []


async def test_a_script_is_not_asked() -> None:
    office = Office()
    assert "instead: backup plain" in await run(office, "backup")
    assert office.backup.asked == []


async def test_it_goes_where_it_is_told_to() -> None:
    office = Office()
    office.backup.targets.add("the vault")
    await run(office, "backup plain to the vault")
    await talk(office, "backup to the vault", SECRET, SECRET)
    assert [destination for _, destination, _ in office.backup.asked] == ["the vault", "the vault"]
    assert "% there is no target 'nowhere'" in await run(office, "backup plain to nowhere")
    for wrong in ("backup plain to", "backup now", "backup plain now"):
        assert "right is: backup [plain] [to TARGET]" in await run(office, wrong)


async def test_a_failure_is_shown_with_its_way_out() -> None:
    office = Office()
    office.backup.failure = ("it needs 9 MB of room", "make room there")
    shown = await run(office, "backup plain")
    assert "No backup: it needs 9 MB of room" in shown
    assert "make room there" in shown


async def test_a_password_that_would_not_do_is_said() -> None:
    assert "% the password of a backup has 8 characters" in await talk(Office(), "backup", "short", "short")


async def test_a_second_one_is_told_who_makes_the_first_and_whoever_leaves_can_look_in_again() -> None:
    office = Office()
    office.backup.hold = asyncio.Event()
    term = ScriptedTerm("backup plain", "backup plain", "show backups", "exit", rich=True)
    term.press(CTRL_C)
    async with asyncio.timeout(10):
        await converse(context(office), term)
    assert "It goes on. backup status looks in again." in term.shown
    assert "% a backup is being made already, by admin" in term.shown
    assert " 40 %  writes the backup (begun by admin)" in term.shown
    assert f"[{'#' * 12}{'.' * 18}]" in term.shown
    office.backup.hold.set()
    assert f"{NAME} is good" in await run(office, "backup status")


async def test_before_the_first_one_there_is_none() -> None:
    office = Office()
    assert "There has been no backup" in await run(office, "backup status")
    assert "There is no backup on this machine" in await run(office, "show backups")


async def test_those_on_this_machine_are_listed_for_people_and_programs() -> None:
    office = Office()
    await run(office, "backup plain")
    shown = await run(office, "show backups")
    assert NAME in shown
    assert "12.3 MB" in shown
    shown = await run(office, "show backups | json")
    found = json.loads(shown[shown.index("[") : shown.rindex("]") + 1])
    assert (found[0]["name"], found[0]["bytes"]) == (NAME, 12_300_000)


async def test_support_may_look_but_not_make_one() -> None:
    office = Office()
    shown = await run(office, "show backups", "backup plain", role="support")
    assert "may read but not change" in shown
    assert office.backup.asked == []


async def test_the_menu_has_it() -> None:
    office = Office()
    await talk(office, number_of("Backup"), "1", SECRET, SECRET, "", "0")
    assert [password for _, _, password in office.backup.asked] == [SECRET]

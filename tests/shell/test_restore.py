"""Restore on the terminal."""

from __future__ import annotations

import asyncio

from shell.session import converse
from tests.fakes.restore import NAME
from tests.fakes.shell_ports import CTRL_C, Office, ScriptedTerm
from tests.shell.test_session import context, run, talk

SECRET = "a long sentence of mine"


async def test_a_dry_run_says_what_would_change_and_begins_nothing() -> None:
    office = Office()
    office.restore.warnings = ("your password will be the one of 2026-11-23",)
    shown = await run(office, f"restore check {NAME} groups plain")
    assert "groups: 1 comes, 2 change (Board, Sales)" in shown
    assert "careful: your password will be" in shown
    assert office.restore.asked == []


async def test_a_person_reads_what_changes_and_types_a_word() -> None:
    office = Office()
    office.restore.passwords[NAME] = SECRET
    shown = await talk(office, f"restore start {NAME} users groups", SECRET, "restore")
    assert "groups: 1 comes" in shown
    assert "calls go on" in shown
    ((actor, archive, kinds),) = office.restore.asked
    assert (actor.user, archive, kinds) == ("admin", NAME, ("users", "groups"))
    assert f"users and groups restored from {NAME}" in shown
    assert f"The state before it is in {NAME}." in shown
    assert SECRET not in "".join(note.detail for note in office.audit.notes)


async def test_any_other_word_changes_nothing() -> None:
    for answer in ("yes", "", CTRL_C):
        office = Office()
        assert "Nothing was changed." in await talk(office, f"restore start {NAME}", "", answer)
        assert office.restore.asked == []


async def test_a_wrong_password_is_said_before_anything_is_asked() -> None:
    office = Office()
    office.restore.passwords[NAME] = SECRET
    shown = await talk(office, f"restore start {NAME}", "wrong one")
    assert "% the password is not the one of this backup" in shown
    assert office.restore.asked == []


async def test_the_newest_is_meant_by_last() -> None:
    office = Office()
    assert "% there is no backup on this machine" in await talk(office, "restore check last plain")
    await run(office, "backup plain")
    await run(office, "restore check last plain")
    assert office.restore.rehearsed == [NAME]


async def test_a_target_may_have_spaces_in_its_name() -> None:
    office = Office()
    office.restore.passwords[f"the vault:{NAME}"] = ""
    await run(office, f"restore check the vault:{NAME} plain")
    assert office.restore.rehearsed == [f"the vault:{NAME}"]


async def test_what_is_not_understood_is_said() -> None:
    office = Office()
    assert "right is: restore start BACKUP" in await run(office, "restore check something")
    assert "% there is nothing called 'faxes' in a backup" in await run(office, f"restore check {NAME} faxes")
    assert "% there is no backup 'other.zip'" in await run(office, "restore check other.zip plain")


async def test_a_script_is_not_asked() -> None:
    office = Office()
    assert "--password-file" in await run(office, f"restore start {NAME}")
    assert "add force" in await run(office, f"restore start {NAME} plain")
    assert office.restore.asked == []
    assert f"everything restored from {NAME}" in await run(office, f"restore start {NAME} plain force")


async def test_what_goes_back_is_shown_with_why() -> None:
    office = Office()
    office.restore.failure = ("the login page does not answer", "the former state is back")
    shown = await run(office, f"restore start {NAME} plain force")
    assert "the login page does not answer" in shown
    assert "the former state is back" in shown


async def test_a_second_one_is_told_who_restores_and_whoever_leaves_can_look_in_again() -> None:
    office = Office()
    office.restore.hold = asyncio.Event()
    start = f"restore start {NAME} plain force"
    term = ScriptedTerm(start, start, "exit", rich=True)
    term.press(CTRL_C)
    async with asyncio.timeout(10):
        await converse(context(office), term)
    assert "It goes on. restore status looks in again." in term.shown
    assert f"% admin restores {NAME} already" in term.shown
    assert " 30 %  back up the present state (begun by admin)" in term.shown
    office.restore.hold.set()
    assert f"everything restored from {NAME}" in await run(office, "restore status")


async def test_before_the_first_one_there_is_none() -> None:
    assert "There has been no restore" in await run(Office(), "restore status")


async def test_support_may_not() -> None:
    office = Office()
    shown = await run(office, f"restore check {NAME} plain", role="support")
    assert "may read but not change" in shown
    assert office.restore.rehearsed == []

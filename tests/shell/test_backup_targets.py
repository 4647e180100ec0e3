"""Targets of backups on the terminal."""

from __future__ import annotations

from shell.commands import COMMANDS
from shell.registry import noted
from tests.fakes.backup import NAME
from tests.fakes.shell_ports import Office
from tests.shell.test_session import run, talk

SECRET = "hunter2 hunter2"


async def test_a_target_is_set_up_tried_and_shown() -> None:
    office = Office()
    assert "No target is set up" in await run(office, "show targets")
    assert "still needs host, user, secret" in await run(office, "target add nas sftp")
    for line in ("host nas.example", "user backup", "folder /backups", "schedule 127,02:30", "daily 3"):
        assert "is set." in await run(office, f"target set nas {line}")
    assert "fail  target nas is not complete" in await run(office, "target test nas")
    assert "secret is set" in await talk(office, "target set nas secret", SECRET, SECRET)
    assert "Backups can be carried to nas." in await run(office, "target test nas")
    shown = await run(office, "show targets")
    for text in ("sftp://backup@nas.example:22/backups", "127,02:30", "3 daily", "secret      password"):
        assert text in shown


async def test_a_secret_is_nowhere() -> None:
    office = Office()
    await run(office, "target add nas ftp")
    said = await talk(office, "target set nas secret", SECRET, SECRET)
    said += await talk(office, "target set nas password", SECRET, SECRET)
    typed = await run(office, f"target set nas secret {SECRET}")
    assert "it is asked for" in typed
    said += await run(office, "show targets")
    said += await run(office, "show targets | json")
    assert office.targets.there["nas"].secret == SECRET
    assert "hunter2" not in said + "".join(note.detail for note in office.audit.notes)


def test_what_is_typed_where_a_secret_is_asked_for_is_not_noted() -> None:
    line = "target set nas secret hunter2"
    assert noted(COMMANDS, line) == "target set nas secret (not shown)"
    assert noted(COMMANDS, "target set nas user anna") == "target set nas user anna"


async def test_two_that_differ_change_nothing() -> None:
    office = Office()
    await run(office, "target add nas ftp")
    assert "are not the same" in await talk(office, "target set nas secret", SECRET, "another")
    assert office.targets.there["nas"].secret == ""


async def test_a_key_is_made_and_its_public_half_shown() -> None:
    office = Office()
    await run(office, "target add nas sftp")
    shown = await run(office, "target key nas")
    assert "ssh-ed25519 AAAA" in shown
    assert "BEGIN" not in shown


async def test_backups_on_a_target_are_listed() -> None:
    office = Office()
    await run(office, "target add nas ftp")
    office.targets.on["nas"] = [NAME]
    assert NAME in await run(office, "target backups nas")


async def test_it_is_removed_when_somebody_says_yes() -> None:
    office = Office()
    await run(office, "target add nas ftp")
    await talk(office, "target remove nas", "no")
    assert "nas" in office.targets.there
    assert "the backups on it stay" in (await talk(office, "target remove nas", "yes")).lower()
    assert office.targets.there == {}


async def test_what_cannot_be_says_what_is_right() -> None:
    office = Office()
    await run(office, "target add nas ftp")
    for line, said in (
        ("target add nas tape", "one of directory, ftp, ftps, sftp"),
        ("target set nas colour red", "one of host"),
        ("target set nas schedule never again", "a day bit mask and a time"),
        ("target backups disk", "there is no target"),
        ("target test disk", "there is no target"),
    ):
        assert said in await run(office, line)

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from db.errors import StoreUnavailableError
from db.variables.states import Actor
from shell.login import Entrance, log_in
from shell.ports import Services
from shell.term import EndOfInput
from shell.throttle import Policy
from tests.fakes.shell_ports import CTRL_C, FakeAccount, Office, ScriptedTerm

HOST, PEER = "192.0.2.7", "192.0.2.7:4000"


async def enter(services: Services, term: ScriptedTerm) -> Entrance | None:
    return await log_in(term, services, HOST, PEER, tries=3)


async def test_the_right_password_lets_an_administrator_in() -> None:
    office, term = Office(), ScriptedTerm("admin", "secret")
    entrance = await enter(office.services(), term)
    assert entrance == Entrance(FakeAccount("admin"), script=False)
    assert term.prompts == ["Username: ", "Password: "]
    assert [(note.action, note.actor.user, note.actor.address) for note in office.audit.notes] == [
        ("login", "admin", PEER)
    ]


async def test_the_suffix_for_scripts_is_no_part_of_the_name() -> None:
    office = Office()
    entrance = await enter(office.services(), ScriptedTerm("admin+s", "secret"))
    assert entrance is not None
    assert entrance.script
    assert office.login.asked == ["admin"]


async def test_an_empty_name_asks_again_and_is_no_try() -> None:
    term = ScriptedTerm("", "  ", "", "", "admin", "secret")
    assert await enter(Office().services(), term) is not None


async def test_three_wrong_passwords_are_enough() -> None:
    office, term = Office(), ScriptedTerm(*["admin", "wrong"] * 5)
    assert await enter(office.services(), term) is None
    assert term.shown.count("% Login incorrect") == 3
    assert office.login.asked == ["admin"] * 3


async def test_ctrl_c_begins_again() -> None:
    term = ScriptedTerm("admim", CTRL_C, CTRL_C, "admin", "secret")
    assert await enter(Office().services(), term) is not None


async def test_a_client_that_goes_away_is_not_waited_for() -> None:
    with pytest.raises(EndOfInput):
        await enter(Office().services(), ScriptedTerm("admin"))


@pytest.mark.parametrize(("user", "password", "may"), [("help", "secret2", True), ("anna", "secret3", False)])
async def test_only_administrators_and_support_may_come_in(user: str, password: str, may: bool) -> None:
    term = ScriptedTerm(user, password, "", "")
    try:
        entered = await enter(Office().services(), term)
    except EndOfInput:
        entered = None
    assert (entered is not None) is may
    assert ("neither of the roles administrator and support" in term.shown) is not may


async def test_passwords_are_written_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    office, term = Office(), ScriptedTerm("admin", "hunter2", "hunter3", "x", "admin", "secret")
    await enter(office.services(), term)
    said = repr(office.audit.notes) + caplog.text + term.shown.replace("Username: hunter3", "")
    for password in ("hunter2", "hunter3", "secret"):
        assert password not in said
    assert office.audit.said("login failed")[1].startswith("a name of 7 characters that begins with 'h'")


async def test_a_broken_store_is_said_and_counts_against_nobody() -> None:
    office = Office(policy=Policy())
    office.login.failure = StoreUnavailableError("the store is locked")
    services = office.services()
    for _ in range(4):
        term = ScriptedTerm(*["admin", "secret"] * 3)
        assert await enter(services, term) is None
        assert "% Nobody can log in now: the store is locked" in term.shown
    office.login.failure = None
    assert await enter(services, ScriptedTerm("admin", "secret")) is not None


async def test_a_broken_audit_trail_keeps_nobody_out(caplog: pytest.LogCaptureFixture) -> None:
    office = Office()
    office.audit.failure = StoreUnavailableError("the disk is full")
    assert await enter(office.services(), ScriptedTerm("admin", "secret")) is not None
    assert "audit trail not written" in caplog.text


async def test_after_three_failures_the_password_is_not_even_looked_at() -> None:
    office = Office(policy=Policy())
    services = office.services()
    await enter(services, ScriptedTerm(*["admin", "wrong"] * 3))
    term = ScriptedTerm("admin", "secret", "admin", "secret", "admin", "secret")
    assert await enter(services, term) is None
    assert "% Too many failed logins from your address: try again in 1 s" in term.shown
    assert len(office.login.asked) == 3


async def test_success_makes_the_next_failures_free_again() -> None:
    services = Office(policy=Policy()).services()
    for _ in range(4):
        assert await enter(services, ScriptedTerm("admin", "wrong", "admin", "wrong", "admin", "secret"))


class StoodOnTheConsole:
    """shell.ports.FirstPassword in memory."""

    def __init__(self) -> None:
        self.changed: list[str] = []

    def is_it(self, user: str, password: str) -> bool:
        return (user, password) == ("admin", "secret") and not self.changed

    async def change(self, user: str, password: str, actor: Actor) -> None:
        assert (user, actor.user, actor.address) == ("admin", "admin", PEER)
        self.changed.append(password)


async def test_the_password_of_the_console_is_changed_before_anything_else() -> None:
    first, office = StoodOnTheConsole(), Office()
    refused = ["secret", "secret", "short", "short", "long enough", "long enoug"]
    term = ScriptedTerm("admin", "secret", *refused, CTRL_C, "long enough", "long enough")
    entrance = await enter(replace(office.services(), first=first), term)
    assert entrance is not None
    assert first.changed == ["long enough"]
    assert "% it is the one that stood on the console" in term.shown
    assert "% choose at least 8 characters" in term.shown
    assert "% the two are not the same" in term.shown
    assert [note.action for note in office.audit.notes] == ["login"]


async def test_who_chooses_no_other_does_not_come_in() -> None:
    first, office = StoodOnTheConsole(), Office()
    term = ScriptedTerm("admin", "secret", *["short", "short"] * 5)
    assert await enter(replace(office.services(), first=first), term) is None
    assert first.changed == []
    assert office.audit.notes == []


async def test_another_password_is_nobodys_first() -> None:
    first = StoodOnTheConsole()
    first.changed.append("it")
    assert await enter(replace(Office().services(), first=first), ScriptedTerm("admin", "secret")) is not None

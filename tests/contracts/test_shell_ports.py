"""What the shell relies on, on the fakes it is tested with and on the store it runs with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db.errors import (
    AmbiguousVariableError,
    InvalidValueError,
    NotOnTrialError,
    OnTrialError,
    UndoRefusedError,
    UnknownVariableError,
)
from db.store import Store, prepare
from db.stores.jobs import JobRun
from db.variables.catalogue import CATALOGUE
from db.variables.states import Actor
from db.variables.trials import Outcome
from shell.ports import Audit, Jobs, Login, Variables
from shell.sessions_ports import Standings
from shell.store_ports import StoreAudit, StoreJobs, StoreLogin, StoreStandings, StoreVariables
from tests.fakes.shell_ports import FakeAudit, FakeJobRun, FakeJobs, FakeLogin, FakeStandings
from tests.fakes.variables import FakeVariables

ADMIN = Actor("admin", "192.0.2.7:4000", "telnet")
DUE = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@dataclass
class Ports:
    variables: Variables
    login: Login
    jobs: Jobs
    audit: Audit
    standings: Standings
    set_password: Callable[[str], None]


@pytest.fixture(params=["fake", "store"])
def ports(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ports]:
    """With one administrator, admin/secret phrase, and one job that has run."""
    if request.param == "fake":
        runs = [FakeJobRun("web restart", "gWebServerRestart", DUE, DUE, DUE, "ok")]
        fake = FakeLogin({"admin": "secret phrase"})
        standings, audit = FakeStandings(fake), FakeAudit()
        standings.audit = audit

        def change(password: str) -> None:
            fake.passwords["admin"] = password
            standings.changed()

        yield Ports(FakeVariables(), fake, FakeJobs(runs), audit, standings, change)
        return
    url = f"sqlite:///{tmp_path}/callisto.db"
    prepare(url)
    with Store.open(url) as store:
        store.accounts.ensure_admin("secret phrase")
        store.jobs.record(JobRun("web restart", "gWebServerRestart", DUE, DUE, DUE, "ok"))
        login = StoreLogin(store)

        def set_password(password: str) -> None:
            store.accounts.set_password("admin", password, ADMIN)

        ports = (StoreVariables(store), login, StoreJobs(store), StoreAudit(store), StoreStandings(store))
        yield Ports(*ports, set_password)
        login.close()


async def test_every_variable_of_the_catalogue_is_there_in_its_order(ports: Ports) -> None:
    states = await ports.variables.all()
    assert [state.variable for state in states] == list(CATALOGUE)
    assert all(state.is_default for state in states)


async def test_a_change_is_kept_in_the_stored_form_with_who_made_it(ports: Ports) -> None:
    change = await ports.variables.set("gwebs", "sun,wed 02:00", ADMIN)
    assert (change.name, change.old, change.new) == ("gWebServerRestart", "", "9,02:00")
    assert change.changed
    state = await ports.variables.get("gWebServerRestart")
    assert (state.value, state.shown, state.is_default) == ("9,02:00", "Sunday, Wednesday at 02:00", False)
    assert state.last_change is not None
    assert state.last_change.actor == ADMIN
    assert state.last_change.at.tzinfo is not None


async def test_the_same_value_again_is_no_change(ports: Ports) -> None:
    await ports.variables.set("gWebTimeout", "30", ADMIN)
    assert not (await ports.variables.set("gWebTimeout", "30", ADMIN)).changed
    assert not (await ports.variables.reset("gRecordVolume", ADMIN)).changed
    assert len(await ports.variables.history()) == 1


async def test_a_refused_value_leaves_the_old_one_and_says_what_is_right(ports: Ports) -> None:
    await ports.variables.set("gWebTimeout", "30", ADMIN)
    with pytest.raises(InvalidValueError) as refused:
        await ports.variables.set("gWebTimeout", "9999", ADMIN)
    assert "1440" in refused.value.hint
    assert (await ports.variables.get("gWebTimeout")).value == "30"


async def test_names_that_are_unknown_or_too_short_are_refused_with_the_right_ones(ports: Ports) -> None:
    with pytest.raises(UnknownVariableError) as unknown:
        await ports.variables.get("gWebTimeoot")
    assert "gWebTimeout" in unknown.value.nearest
    with pytest.raises(AmbiguousVariableError):
        await ports.variables.set("gWeb", "1", ADMIN)


async def test_reset_goes_back_to_the_default(ports: Ports) -> None:
    await ports.variables.set("gRecordVolume", "200", ADMIN)
    change = await ports.variables.reset("gRecordVolume", ADMIN)
    assert (change.old, change.new, change.new_is_default) == ("200", "400", True)


async def test_undo_takes_back_the_last_change_and_can_be_taken_back_by_its_number(ports: Ports) -> None:
    first = await ports.variables.set("gWebTimeout", "30", ADMIN)
    await ports.variables.set("gRecordVolume", "200", ADMIN)
    assert (await ports.variables.undo(ADMIN)).name == "gRecordVolume"
    second = await ports.variables.undo(ADMIN)
    assert (second.name, second.new, second.undoes) == ("gWebTimeout", "20", first.id)
    with pytest.raises(UndoRefusedError):
        await ports.variables.undo(ADMIN)
    with pytest.raises(UndoRefusedError):
        await ports.variables.undo(ADMIN, first.id)
    assert (await ports.variables.undo(ADMIN, second.id)).new == "30"


async def test_a_change_that_was_followed_by_another_is_not_undone(ports: Ports) -> None:
    first = await ports.variables.set("gWebTimeout", "30", ADMIN)
    await ports.variables.set("gWebTimeout", "40", ADMIN)
    with pytest.raises(UndoRefusedError):
        await ports.variables.undo(ADMIN, first.id)
    assert (await ports.variables.get("gWebTimeout")).value == "40"


async def test_the_history_is_newest_first_and_of_one_variable_if_asked(ports: Ports) -> None:
    await ports.variables.set("gWebTimeout", "30", ADMIN)
    await ports.variables.set("gRecordVolume", "200", ADMIN)
    await ports.variables.set("gWebTimeout", "40", ADMIN)
    assert [each.new for each in await ports.variables.history()] == ["40", "200", "30"]
    assert [each.new for each in await ports.variables.history("gWebTimeout", 1)] == ["40"]


async def test_a_change_waits_until_it_is_confirmed(ports: Ports) -> None:
    change = await ports.variables.set("gWebTimeout", "30", ADMIN, timedelta(minutes=5))
    (trial,) = await ports.variables.waiting()
    assert (trial.change, trial.until - change.at) == (change, timedelta(minutes=5))
    with pytest.raises(OnTrialError):
        await ports.variables.set("gWebTimeout", "40", ADMIN)
    (kept,) = await ports.variables.confirm(change.id)
    assert kept.outcome is Outcome.CONFIRMED
    assert not await ports.variables.waiting()
    assert not await ports.variables.untold("admin")
    with pytest.raises(NotOnTrialError):
        await ports.variables.confirm()


async def test_a_change_that_is_taken_back_waits_no_more(ports: Ports) -> None:
    change = await ports.variables.set("gWebTimeout", "30", ADMIN, timedelta(minutes=5))
    await ports.variables.undo(ADMIN, change.id)
    assert not await ports.variables.waiting()
    assert not await ports.variables.untold("admin")


async def test_only_the_right_password_gives_the_account(ports: Ports) -> None:
    account = await ports.login.verify("admin", "secret phrase")
    assert account is not None
    assert (account.user, account.roles) == ("admin", frozenset({"administrator"}))
    assert await ports.login.verify("admin", "wrong") is None
    assert await ports.login.verify("admin", "") is None
    assert await ports.login.verify("nobody", "secret phrase") is None
    assert await ports.login.verify("-f root", "secret phrase") is None


async def test_passwords_looked_at_together_all_get_their_answer(ports: Ports) -> None:
    answers = await asyncio.gather(*(ports.login.verify("admin", f"guess {n}") for n in range(6)))
    assert answers == [None] * 6


async def test_audit_notes_come_back_newest_first(ports: Ports) -> None:
    await ports.audit.note(ADMIN, "login", "")
    await ports.audit.note(ADMIN, "command", "show info")
    notes = await ports.audit.latest(10)
    assert [(note.actor, note.action, note.detail) for note in notes[:2]] == [
        (ADMIN, "command", "show info"),
        (ADMIN, "login", ""),
    ]
    assert len(await ports.audit.latest(1)) == 1


async def test_job_runs_can_be_asked_for_by_variable(ports: Ports) -> None:
    (run,) = await ports.jobs.latest(5, "gWebServerRestart")
    assert (run.name, run.due, run.result) == ("web restart", DUE, "ok")
    assert not await ports.jobs.latest(5, "gCocProxyRestart")


async def test_a_new_password_is_another_stamp_and_a_new_revision(ports: Ports) -> None:
    before, revision = await ports.standings.of("admin"), await ports.standings.revision()
    assert before is not None
    assert "administrator" in before.roles
    assert await ports.standings.of("admin") == before
    ports.set_password("another phrase")
    after = await ports.standings.of("admin")
    assert after is not None
    assert after.stamp != before.stamp
    assert "phrase" not in after.stamp
    assert await ports.standings.revision() != revision
    assert await ports.standings.of("nobody") is None


async def test_the_last_visit_is_told_with_what_failed_since(ports: Ports) -> None:
    like = "a name of 5 characters that begins with 'a'"
    note, stranger = ports.audit.note, Actor("", "192.0.2.9:1", "telnet")
    assert await ports.standings.last_visit("admin", like) is None
    await note(stranger, "login failed", f"{like}: Login incorrect")
    await note(Actor("admin", "192.0.2.1:1", "telnet"), "login", "")
    await note(Actor("admin", "192.0.2.2:1", "web"), "login", "")
    await note(Actor("anna", "192.0.2.3:1", "telnet"), "login", "")
    for detail in (f"{like}: Login incorrect", f"{like}: Login incorrect", "a name of 9 characters"):
        await note(stranger, "login failed", detail)
    visit = await ports.standings.last_visit("admin", like)
    assert visit is not None
    assert (visit.address, visit.failed) == ("192.0.2.1:1", 2)
    assert visit.at.tzinfo is not None

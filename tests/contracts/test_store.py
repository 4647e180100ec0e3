"""The same contract for the store on SQLite and on PostgreSQL, both real."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete

from db import tables
from db.errors import (
    AmbiguousVariableError,
    InvalidValueError,
    LastAdministratorError,
    NotInEditionError,
    NotOnTrialError,
    OnTrialError,
    PasswordRefusedError,
    RefusedError,
    StoreNewerError,
    StoreUnavailableError,
    UndoRefusedError,
    UnknownUserError,
    UnknownVariableError,
    UserExistsError,
    UserNameRefusedError,
)
from db.office import Office, Team, User
from db.sample import sample_office
from db.schema import MIGRATIONS, head
from db.store import Store, prepare
from db.stores.accounts import Account
from db.stores.calls import Step
from db.stores.jobs import JobRun
from db.stores.office_read import read as read_office
from db.transfer import OfficeError, dump
from db.variables.states import Actor, Change
from db.variables.trials import Outcome
from router.model import Contact, Forward, ForwardKind, Overflow, OverflowKind, Presence, VipEntry
from tests.postgres import fresh_database

ANNA = Actor("anna", "192.0.2.7:50123", "telnet")
BERTA = Actor("berta", "192.0.2.8:50124", "web")
SYSTEM = Actor("", "", "system")
FIVE = timedelta(minutes=5)
SHIFTED = timezone(timedelta(hours=5, minutes=30))


def record(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A call record as the router's spool has it."""
    whole = {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "started": f"2026-11-22T14:{number % 60:02d}:00.250000+01:00",
        "ended": f"2026-11-22T14:{number % 60:02d}:31+01:00",
        "answered": f"2026-11-22T14:{number % 60:02d}:09+01:00",
        "caller": "441234567",
        "caller_raw": "0441234567",
        "caller_name": "Hofer",
        "dialled": "100",
        "group": "Management",
        "vip": False,
        "result": "answered",
        "status": 200,
        "agent": "berta",
        "talk_s": 22.0,
        "ring_s": 8.75,
        "steps": [{"at_s": 0.0, "text": "manager away: assistant 1 of 2, Berta, rings"}],
    }
    return {**whole, **changes}


class StoreContract:
    """What every store does."""

    @pytest.fixture
    def url(self, tmp_path: Path, request: pytest.FixtureRequest) -> str:
        raise AssertionError("the subclass says where the store is")

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        with Store.open(url, ram_mb=4096) as store:
            yield store

    # System variables

    def test_a_new_store_has_every_variable_at_its_default(self, store: Store) -> None:
        states = store.variables.all()
        assert len(states) == 18
        assert all(state.is_default and state.last_change is None for state in states)
        assert store.variables.history() == ()

    def test_a_change_is_kept_with_user_address_time_channel_old_and_new(self, url: str) -> None:
        at = datetime(2026, 11, 22, 20, 30, tzinfo=SHIFTED)
        with Store.open(url, clock=lambda: at) as store:
            change = store.variables.set("gWebServerRestart", "sun,wed 02:00", ANNA)
            assert (
                change == store.variables.history()[0] == store.variables.get("gWebServerRestart").last_change
            )
        assert (change.old, change.new) == ("", "9,02:00")
        assert (change.old_is_default, change.new_is_default) == (True, False)
        assert change.actor == ANNA
        assert change.at == at
        assert change.at.tzinfo is UTC

    def test_a_value_is_there_for_another_process(self, store: Store, url: str) -> None:
        store.variables.set("gWebTimeout", "30", ANNA)
        with Store.open(url) as other:
            state = other.variables.get("gWebTimeout")
        assert (state.value, state.shown, state.is_default) == ("30", "30 min", False)

    @pytest.mark.parametrize(
        ("name", "text", "error"),
        [
            ("gWebTimeout", "1441", InvalidValueError),
            ("gSyncLineName", "1", NotInEditionError),
            ("gDefaultMailbox", "999", InvalidValueError),
            ("gCocProxyMemory", "2049", InvalidValueError),
            ("gWeb", "1", AmbiguousVariableError),
            ("gNothing", "1", UnknownVariableError),
        ],
    )
    def test_a_refused_value_leaves_everything_as_it_was(
        self, store: Store, name: str, text: str, error: type[RefusedError]
    ) -> None:
        before = (store.variables.all(), store.revision())
        with pytest.raises(error) as refused:
            store.variables.set(name, text, ANNA)
        assert refused.value.hint
        assert (store.variables.all(), store.revision()) == before

    def test_reset_goes_back_to_the_default_and_is_a_change(self, store: Store) -> None:
        store.variables.set("gWebTimeout", "30", ANNA)
        change = store.variables.reset("gwebt", BERTA)
        assert (change.old, change.new, change.new_is_default) == ("30", "20", True)
        assert store.variables.get("gWebTimeout").is_default

    def test_the_same_value_again_is_no_change(self, store: Store) -> None:
        store.variables.set("gWebTimeout", "30", ANNA)
        revision = store.revision()
        assert not store.variables.set("gWebTimeout", " 030 min", BERTA).changed
        assert not store.variables.reset("gStripCallerID", BERTA).changed
        assert store.revision() == revision
        assert len(store.variables.history()) == 1

    def test_setting_the_default_pins_it_against_the_edition(self, url: str) -> None:
        with Store.open(url, "ucm") as ucm:
            assert ucm.variables.set("gTransferWithCallerID", "1", ANNA).changed
        with Store.open(url, "express") as express:
            assert express.variables.get("gTransferWithCallerID").value == "1"
            express.variables.reset("gTransferWithCallerID", ANNA)
            assert express.variables.get("gTransferWithCallerID").value == "0"

    def test_line_names_follow_users_on_express_alone(self, url: str) -> None:
        with Store.open(url, "express") as express:
            assert express.variables.set("gSyncLineName", "on", ANNA).new == "1"
        with Store.open(url, "one") as one:
            state = one.variables.get("gSyncLineName")
            assert state.value == "1"
            assert state.unavailable
            assert one.variables.reset("gSyncLineName", ANNA).new == "0"

    def test_a_default_mailbox_is_the_number_of_a_user(self, store: Store) -> None:
        store.office.write(sample_office(), ANNA)
        assert store.variables.set("gDefaultMailbox", "202", ANNA).new == "202"

    def test_text_that_no_database_keeps_is_refused_or_replaced(self, store: Store) -> None:
        odd = Actor("an\0na\ud800", "x" * 500, "telnet")
        with pytest.raises(InvalidValueError):
            store.variables.set("gTimeServer", "a\0b\ud800", odd)
        change = store.variables.set("gTimeServer", "ntp.example", odd)
        assert change.actor.user == "an\ufffdna\ufffd"
        assert len(change.actor.address) == 64

    # Undo

    def test_undo_takes_back_one_change_after_the_other(self, store: Store) -> None:
        store.variables.set("gWebTimeout", "30", ANNA)
        store.variables.set("gStripCallerID", "2", ANNA)
        store.variables.set("gWebTimeout", "40", ANNA)
        undone = [store.variables.undo(BERTA) for _ in range(3)]
        assert [(each.name, each.new) for each in undone] == [
            ("gWebTimeout", "30"),
            ("gStripCallerID", "0"),
            ("gWebTimeout", "20"),
        ]
        assert all(state.is_default for state in store.variables.all())
        with pytest.raises(UndoRefusedError, match="nothing to undo"):
            store.variables.undo(BERTA)

    def test_an_undo_is_a_change_of_who_undid(self, store: Store) -> None:
        first = store.variables.set("gWebTimeout", "30", ANNA)
        undo = store.variables.undo(BERTA)
        latest, earlier = store.variables.history()
        assert latest == undo
        assert (latest.actor, latest.undoes) == (BERTA, first.id)
        assert earlier == replace(first, undone_by=undo.id)

    # Trials

    def test_a_change_on_trial_waits_until_somebody_confirms_it(self, store: Store) -> None:
        change = store.variables.set("gWebTimeout", "30", ANNA, trial=FIVE)
        (trial,) = store.variables.waiting()
        assert (trial.change, trial.until, trial.given) == (change, change.at + FIVE, FIVE)
        (kept,) = store.variables.confirm(change.id)
        assert (kept.outcome, kept.ended is not None) == (Outcome.CONFIRMED, True)
        assert store.variables.waiting() == ()
        assert store.variables.give_up(change.id, SYSTEM) is None
        assert store.variables.get("gWebTimeout").value == "30"
        with pytest.raises(NotOnTrialError):
            store.variables.confirm()

    def test_a_change_that_nobody_confirms_is_undone_once_and_its_maker_told_once(self, store: Store) -> None:
        before = store.variables.set("gWebTimeout", "30", BERTA)
        change = store.variables.set("gWebTimeout", "2", ANNA, trial=FIVE)
        ended = store.variables.give_up(change.id, SYSTEM)
        assert ended is not None
        assert ended.outcome is Outcome.UNDONE
        assert store.variables.give_up(change.id, SYSTEM) is None
        latest = store.variables.history()[0]
        assert (latest.actor, latest.undoes, latest.new) == (SYSTEM, change.id, before.new)
        (note,) = store.audit.latest(5)
        assert (note.actor, note.action) == (SYSTEM, "trial over")
        assert note.detail == f"gWebTimeout: change {change.id} not confirmed within 5 min: undone"
        assert store.variables.untold("berta") == ()
        assert [trial.change.id for trial in store.variables.untold("anna")] == [change.id]
        assert store.variables.untold("anna") == ()

    def test_while_a_change_waits_its_variable_has_no_other(self, store: Store) -> None:
        change = store.variables.set("gWebTimeout", "30", ANNA, trial=FIVE)
        with pytest.raises(OnTrialError, match="by anna waits to be confirmed"):
            store.variables.set("gWebTimeout", "40", BERTA)
        with pytest.raises(OnTrialError):
            store.variables.set("gWebTimeout", "40", BERTA, trial=FIVE)
        with pytest.raises(OnTrialError):
            store.variables.reset("gWebTimeout", BERTA)
        store.variables.set("gStripCallerID", "2", BERTA)
        store.variables.undo(BERTA, change.id)
        assert store.variables.waiting() == ()
        store.variables.set("gWebTimeout", "40", BERTA)
        assert store.variables.untold("anna") == ()

    def test_a_trial_whose_value_an_office_has_replaced_is_not_undone(self, store: Store) -> None:
        change = store.variables.set("gWebTimeout", "30", ANNA, trial=FIVE)
        store.office.write(replace(store.office.read(), variables={"gWebTimeout": "45"}), BERTA)
        ended = store.variables.give_up(change.id, SYSTEM)
        assert ended is not None
        assert ended.outcome is Outcome.OVERTAKEN
        assert store.variables.get("gWebTimeout").value == "45"

    def test_an_old_value_that_would_not_be_right_any_more_is_not_put_back(self, store: Store) -> None:
        store.office.write(sample_office(), ANNA)
        number = next(user.number for user in sample_office().users if user.number)
        store.variables.set("gDefaultMailbox", number, ANNA)
        change = store.variables.set("gDefaultMailbox", "", ANNA, trial=FIVE)
        store.office.write(Office(variables={"gDefaultMailbox": ""}), ANNA)
        ended = store.variables.give_up(change.id, SYSTEM)
        assert ended is not None
        assert ended.outcome is Outcome.KEPT
        assert [trial.outcome for trial in store.variables.untold("anna")] == [Outcome.KEPT]

    def test_of_many_who_undo_a_trial_one_does(self, store: Store, url: str) -> None:
        change = store.variables.set("gWebTimeout", "30", ANNA, trial=FIVE)
        ended: list[object] = []

        def give_up() -> None:
            with Store.open(url) as other:
                ended.append(other.variables.give_up(change.id, SYSTEM))

        threads = [threading.Thread(target=give_up) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [each is None for each in ended].count(False) == 1
        assert len(store.variables.history()) == 2

    def test_a_change_is_undone_by_its_number(self, store: Store) -> None:
        strip = store.variables.set("gStripCallerID", "2", ANNA)
        store.variables.set("gWebTimeout", "30", ANNA)
        assert store.variables.undo(BERTA, strip.id).name == "gStripCallerID"
        assert store.variables.get("gWebTimeout").value == "30"

    def test_undo_is_refused_when_the_value_has_moved_on(self, store: Store) -> None:
        first = store.variables.set("gWebTimeout", "30", ANNA)
        second = store.variables.set("gWebTimeout", "40", ANNA)
        with pytest.raises(
            UndoRefusedError, match=f"moved on since change #{first.id} by change #{second.id}"
        ):
            store.variables.undo(BERTA, first.id)
        assert store.variables.get("gWebTimeout").value == "40"

    def test_undo_is_refused_when_the_value_went_away_and_came_back(self, store: Store) -> None:
        first = store.variables.set("gWebTimeout", "30", ANNA)
        store.variables.set("gWebTimeout", "40", ANNA)
        store.variables.set("gWebTimeout", "30", ANNA)
        with pytest.raises(UndoRefusedError):
            store.variables.undo(BERTA, first.id)

    def test_an_undo_can_be_undone_and_the_change_then_stands_again(self, store: Store) -> None:
        first = store.variables.set("gWebTimeout", "30", ANNA)
        undo = store.variables.undo(ANNA)
        assert store.variables.undo(ANNA, undo.id).new == "30"
        assert store.variables.history()[-1].undone_by is None
        assert store.variables.undo(BERTA).undoes == first.id
        assert store.variables.get("gWebTimeout").is_default

    def test_what_is_undone_cannot_be_undone_twice(self, store: Store) -> None:
        first = store.variables.set("gWebTimeout", "30", ANNA)
        store.variables.undo(ANNA)
        with pytest.raises(UndoRefusedError, match="already"):
            store.variables.undo(ANNA, first.id)
        with pytest.raises(UndoRefusedError, match="no change #4711"):
            store.variables.undo(ANNA, 4711)

    def test_undo_does_not_bring_back_a_value_that_is_wrong_by_now(self, store: Store) -> None:
        store.office.write(sample_office(), ANNA)
        store.variables.set("gDefaultMailbox", "203", ANNA)
        gone = store.variables.reset("gDefaultMailbox", ANNA)
        office = store.office.read()
        users = tuple(replace(user, number="") if user.user == "carla" else user for user in office.users)
        store.office.write(replace(office, users=users), ANNA)
        with pytest.raises(InvalidValueError, match="no user has the number 203"):
            store.variables.undo(ANNA, gone.id)

    def test_history_is_of_one_variable_or_of_all_newest_first(self, store: Store) -> None:
        for value in ("1", "2", "3"):
            store.variables.set("gStripCallerID", value, ANNA)
        store.variables.set("gWebTimeout", "30", ANNA)
        assert [change.new for change in store.variables.history()] == ["30", "3", "2", "1"]
        assert [change.new for change in store.variables.history("gstrip", limit=2)] == ["3", "2"]

    # The revision

    def test_the_revision_rises_with_what_processes_read(self, store: Store) -> None:
        steps: list[Callable[[], object]] = [
            lambda: store.variables.set("gWebTimeout", "30", ANNA),
            lambda: store.variables.undo(ANNA),
            lambda: store.variables.set("gWebTimeout", "30", ANNA),
            lambda: store.variables.reset("gWebTimeout", ANNA),
            lambda: store.accounts.ensure_admin("first"),
            lambda: store.accounts.set_password("admin", "second", ANNA),
            lambda: store.office.write(sample_office(), ANNA),
        ]
        for step in steps:
            before = store.revision()
            step()
            assert store.revision() == before + 1

    def test_the_revision_stays_with_what_only_people_read(self, store: Store) -> None:
        before = store.revision()
        due = datetime(2026, 11, 22, 2, tzinfo=UTC)
        assert store.calls.ingest("calls-1.jsonl", 0, [record()], 400) == 1
        store.audit.note(ANNA, "login", "")
        store.jobs.record(JobRun("web restart", "gWebServerRestart", due, due, due, "done"))
        assert store.revision() == before

    # Accounts

    def test_only_the_right_password_of_somebody_who_has_one_lets_in(self, store: Store) -> None:
        store.office.write(sample_office(), ANNA)
        store.accounts.ensure_admin("correct horse")
        account = store.accounts.verify(" Admin ", "correct horse")
        assert account is not None
        assert (account.user, account.roles) == ("admin", frozenset({"administrator"}))
        for user, password in (
            ("admin", "correct hors"),
            ("admin", ""),
            ("berta", ""),
            ("nobody", "correct horse"),
            ("ad\0min\ud800", "correct horse"),
            ("admin", "correct horse\udcff"),
            ("admin", "x" * 100_000),
        ):
            assert store.accounts.verify(user, password) is None

    def test_the_first_administrator_is_made_once(self, store: Store) -> None:
        assert store.accounts.ensure_admin("first")
        assert not store.accounts.ensure_admin("second")
        assert store.accounts.verify("admin", "first")
        assert store.accounts.verify("admin", "second") is None

    def test_an_administrator_without_password_gets_one(self, store: Store) -> None:
        store.office.write(sample_office(), ANNA)
        assert store.accounts.ensure_admin("first")
        assert store.accounts.verify("admin", "first")

    def test_people_whose_presence_is_lost_are_available_and_can_be_changed(self, store: Store) -> None:
        """A repair may have saved the one without the other."""
        office = sample_office()
        store.office.write(office, ANNA)
        store._database.record(lambda connection: connection.execute(delete(tables.presence)))
        people = store.office.read().users
        assert [user.user for user in people] == [user.user for user in office.users]
        assert {(user.presence, user.message) for user in people} == {(Presence.AVAILABLE, "")}
        away = tuple(replace(user, presence=Presence.AWAY) for user in people)
        store.office.write(replace(store.office.read(), users=away), ANNA)
        assert {user.presence for user in store.office.read().users} == {Presence.AWAY}

    def test_somebody_is_added_who_may_only_log_in(self, store: Store) -> None:
        store.accounts.ensure_admin("first")
        store.accounts.add("mia.m", "Mia Meier", "support", "mias password", ANNA)
        account = store.accounts.verify("mia.m", "mias password")
        assert account == Account("mia.m", "Mia Meier", frozenset({"support"}))
        note = store.audit.latest(1)[0]
        assert (note.actor, note.action, note.detail) == (ANNA, "user added", "mia.m, support")
        assert "mia.m" in {user.user for user in store.office.read().users}

    @pytest.mark.parametrize("name", ["", "Mia", "mia meier", "-mia", "mia\n", "m" * 65])
    def test_a_name_that_no_user_can_have_is_refused(self, store: Store, name: str) -> None:
        with pytest.raises(UserNameRefusedError) as refused:
            store.accounts.add(name, "", "support", "mias password", ANNA)
        assert "small letters" in refused.value.hint
        assert store.accounts.all() == ()

    def test_a_second_user_of_a_name_is_refused_and_the_first_stays(self, store: Store) -> None:
        store.office.write(sample_office(), ANNA)
        before = store.accounts.all()
        with pytest.raises(UserExistsError) as refused:
            store.accounts.add("berta", "", "support", "another", ANNA)
        assert "user role berta support" in refused.value.hint
        assert store.accounts.all() == before

    def test_a_role_is_given_and_taken_and_the_person_of_the_office_stays(self, store: Store) -> None:
        store.office.write(sample_office(), ANNA)
        store.accounts.ensure_admin("first")
        office = store.office.read()

        def roles() -> frozenset[str]:
            return next(account.roles for account in store.accounts.all() if account.user == "berta")

        was = roles()
        for role, now in (
            ("support", was | {"support"}),
            ("administrator", was | {"administrator"}),
            (None, was),
        ):
            store.accounts.set_role("berta", role, ANNA)
            assert roles() == now
        assert store.office.read() == office
        with pytest.raises(UnknownUserError):
            store.accounts.set_role("nobody", "support", ANNA)

    @pytest.mark.parametrize("role", ["support", None])
    def test_the_last_administrator_stays_one(self, store: Store, role: str | None) -> None:
        store.accounts.ensure_admin("first")
        with pytest.raises(LastAdministratorError):
            store.accounts.set_role("admin", role, ANNA)
        store.accounts.add("eva", "", "administrator", "evas password", ANNA)
        store.accounts.set_role("admin", role, ANNA)
        assert store.accounts.verify("eva", "evas password")

    def test_a_password_is_changed_and_noted_without_the_password(self, store: Store) -> None:
        store.accounts.ensure_admin("first")
        store.accounts.set_password("admin", "zweites Passwört 🔑", ANNA)
        assert store.accounts.verify("admin", "first") is None
        assert store.accounts.verify("admin", "zweites Passwört 🔑")
        note = store.audit.latest(1)[0]
        assert (note.actor, note.action, note.detail) == (ANNA, "password set", "for admin")

    def test_a_password_of_257_characters_is_refused_and_never_right(self, store: Store) -> None:
        store.accounts.ensure_admin("x" * 256)
        assert store.accounts.verify("admin", "x" * 256)
        assert store.accounts.verify("admin", "x" * 257) is None
        for password in ("", "x" * 257):
            with pytest.raises(PasswordRefusedError):
                store.accounts.set_password("admin", password, ANNA)
        with pytest.raises(UnknownUserError):
            store.accounts.set_password("nobody", "x", ANNA)

    # Office

    def test_export_then_import_gives_the_same_store(self, store: Store) -> None:
        store.office.write(sample_office(), ANNA)
        store.accounts.ensure_admin("secret")
        store.variables.set("gDefaultMailbox", "202", ANNA)
        office = store.office.read()
        text = dump(office)
        store.office.write(Office(users=(User("admin", "A", roles=frozenset({"administrator"})),)), ANNA)
        assert store.office.read() != office
        store.office.write(store.office.load(text), ANNA)
        assert store.office.read() == office
        assert store.accounts.verify("admin", "secret")
        assert store.variables.get("gDefaultMailbox").value == "202"

    def test_every_part_of_an_office_comes_back(self, store: Store) -> None:
        until = datetime(2026, 12, 31, 18, 0, 0, 123456, tzinfo=SHIFTED)
        office = Office(
            users=(
                User(
                    "anna", "Anna", "sip:anna@127.0.0.1:5071", "201", frozenset({"user", "support"}),
                    Presence.DND, "in a meeting", (Forward(ForwardKind.APPLICATION, "group"),), "",
                ),
                User("berta", "Berta Frei", "202", "", frozenset(), password_hash=""),
            ),
            groups=(
                Team(
                    "Gruppe Ä", "100", "anna", ("berta",), "welcome.wav", overflow=Overflow(
                        OverflowKind.VOICEMAIL, "201"), vip=(VipEntry("0791T", "Home", until),),
                ),
                Team("Empty"),
            ),
            contacts=(Contact("Same", ("1",), 1), Contact("Same", ("2", "+3"), 9)),
            variables={"gWebTimeout": "30"},
        ).in_order()  # fmt: skip
        store.office.write(office, ANNA)
        assert store.office.read() == office

    def test_an_import_says_what_it_did_and_is_noted(self, store: Store) -> None:
        store.office.write(sample_office(), ANNA)
        office = sample_office()
        users = tuple(
            replace(user, name="Berta Neu") if user.user == "berta" else user
            for user in office.users
            if user.user != "frieda"
        )
        groups = tuple(
            replace(team, members=("emil",)) if "frieda" in team.members else team for team in office.groups
        )
        after = replace(office, users=users, groups=groups, variables={"gWebTimeout": "30"})
        summary = store.office.write(after, BERTA)
        assert summary.users.removed == ("frieda",)
        assert summary.users.changed == ("berta",)
        assert summary.groups.changed == ("Workshop",)
        assert summary.variables.added == ("gWebTimeout",)
        note = store.audit.latest(1)[0]
        assert (note.actor, note.action, note.detail) == (BERTA, "office imported", summary.words())
        assert store.variables.history()[0].actor == BERTA

    def test_importing_the_same_again_changes_nothing(self, store: Store) -> None:
        store.office.write(sample_office(), ANNA)
        revision = store.revision()
        assert store.office.write(sample_office(), ANNA).words() == "nothing has changed"
        assert store.revision() == revision

    def test_the_last_administrator_cannot_be_imported_away(self, store: Store) -> None:
        store.office.write(sample_office(), ANNA)
        store.accounts.ensure_admin("secret")
        before = (store.office.read(), store.revision())
        for users in (
            (User("berta", "Berta", roles=frozenset({"administrator"})),),
            (User("admin", "A", roles=frozenset({"user"})),),
            (User("admin", "A", roles=frozenset({"administrator"}), password_hash=""),),
        ):
            with pytest.raises(RefusedError, match="nobody who can log in as administrator"):
                store.office.write(Office(users=users), ANNA)
        assert (store.office.read(), store.revision()) == before

    def test_people_and_groups_may_swap_their_numbers(self, store: Store) -> None:
        store.office.write(sample_office(), ANNA)
        swap = {"201": "202", "202": "201", "100": "110", "110": "100"}
        office = store.office.read()
        swapped = replace(
            office,
            users=tuple(replace(user, number=swap.get(user.number, user.number)) for user in office.users),
            groups=tuple(replace(team, manager_number=swap[team.manager_number]) for team in office.groups),
        )
        store.office.write(swapped, ANNA)
        assert store.office.read() == swapped

    def test_a_variable_that_the_file_does_not_set_goes_back_to_its_default(self, store: Store) -> None:
        store.variables.set("gWebTimeout", "30", ANNA)
        store.office.write(sample_office(), BERTA)
        assert store.variables.get("gWebTimeout").is_default
        assert store.variables.undo(ANNA).new == "30"

    def test_a_number_forwarded_to_before_the_limit_does_not_stop_an_import(self, store: Store) -> None:
        office = sample_office()
        forward = Forward(ForwardKind.LINE_BUSY, "0441234567")
        users = tuple(
            replace(user, forwards=(forward,)) if user.user == "berta" else user for user in office.users
        )
        store.office.write(replace(office, users=users), ANNA)
        store.variables.set("gMaxForwardNumberLen", "4", ANNA)
        text = dump(store.office.read())
        assert store.office.load(text) == store.office.read()
        with pytest.raises(OfficeError, match="gMaxForwardNumberLen allows 4"):
            store.office.load(text.replace("0441234567", "0441234568"))

    # Routing table

    def test_the_routing_table_is_the_office(self, store: Store) -> None:
        store.office.write(sample_office(), ANNA)
        store.variables.set("gStripCallerID", "1", ANNA)
        store.variables.set("gTransferWithCallerID", "0", ANNA)
        table = store.routing_table()
        management = table.groups["100"]
        assert management.manager is not None
        assert management.manager.address == "sip:anna@127.0.0.1:5071"
        assert [person.user for person in management.assistants] == ["berta", "carla"]
        assert [entry.pattern for entry in management.vip_entries] == ["+4179555012."]
        assert table.groups["110"].manager is None
        assert table.contacts["+41445550190"].rank == 9
        assert (table.settings.strip_caller_id, table.settings.transfer_with_caller_id) == (1, False)
        assert (table.revision, table.peers) == (store.revision(), ())

    def test_a_group_without_manager_number_is_not_routed(self, store: Store) -> None:
        store.office.write(Office(groups=(Team("Off"),)), ANNA)
        assert store.routing_table().groups == {}

    # Calls

    def test_a_call_comes_back_whole(self, store: Store) -> None:
        store.calls.ingest("calls-1.jsonl", 0, [record()], 400)
        call = store.calls.latest()[0]
        assert call.started == datetime(2026, 11, 22, 13, 1, 0, 250000, tzinfo=UTC)
        assert call.started.tzinfo is UTC
        assert call.answered is not None
        assert (call.caller, call.caller_raw, call.agent) == ("441234567", "0441234567", "berta")
        assert (call.vip, call.status, call.ring_s) == (False, 200, 8.75)
        assert call.steps == (Step(0.0, "manager away: assistant 1 of 2, Berta, rings"),)

    def test_records_and_position_are_kept_together_and_once(self, store: Store) -> None:
        first = [record(1), record(2)]
        assert store.calls.ingest("a", 0, first, 800) == 2
        assert store.calls.position("a") == 800
        assert store.calls.ingest("a", 0, first, 800) == 0
        assert store.calls.ingest("a", 1200, [record(3)], 1600) == 0
        assert store.calls.position("a") == 800
        assert store.calls.ingest("b", 0, [record(2), record(3)], 800) == 1
        assert store.calls.count() == 3

    def test_two_who_ingest_the_same_at_once_keep_it_once(self, store: Store, url: str) -> None:
        kept: list[int] = []
        with Store.open(url) as other:
            together = threading.Barrier(2, timeout=60)

            def ingest(store: Store) -> None:
                for batch in range(10):
                    together.wait()
                    records = [record(10 * batch + each) for each in range(10)]
                    kept.append(store.calls.ingest("a", 100 * batch, records, 100 * (batch + 1)))

            both = [threading.Thread(target=ingest, args=(each,)) for each in (store, other)]
            for thread in both:
                thread.start()
            for thread in both:
                thread.join()
        assert sum(kept) == store.calls.count() == 100
        assert store.calls.position("a") == 1000

    @pytest.mark.parametrize(
        "damage",
        [
            {"id": ""}, {"id": None}, {"started": "yesterday"}, {"started": "2026-11-22T14:00:00"},
            {"started": "0001-01-01T00:00:00+14:00"}, {"ended": None}, {"talk_s": "NaN"}, {"ring_s": "long"},
            {"status": "ok"}, {"steps": [17]}, {"steps": 17},
        ],
        ids=repr,
    )  # fmt: skip
    def test_a_record_that_cannot_be_read_does_not_hold_up_the_others(
        self, store: Store, damage: dict[str, Any]
    ) -> None:
        assert store.calls.ingest("a", 0, [record(1, **damage), record(2)], 800) == 1
        assert store.calls.position("a") == 800

    def test_a_record_with_odd_text_and_missing_fields_is_kept(self, store: Store) -> None:
        odd = record(1, caller_name="x\0y\ud800" + "z" * 500, caller="9" * 5000, steps=[{"text": "a\0b"}])
        for name in ("answered", "agent", "talk_s", "vip", "status"):
            del odd[name]
        assert store.calls.ingest("a", 0, [odd], 800) == 1
        call = store.calls.latest()[0]
        assert (len(call.caller), len(call.caller_name)) == (128, 128)
        assert (call.answered, call.agent, call.status) == (None, None, 0)
        assert call.steps == (Step(0.0, "a\ufffdb"),)

    # Jobs and audit trail

    def test_job_runs_come_back_newest_first(self, store: Store) -> None:
        due = datetime(2026, 11, 22, 2, tzinfo=UTC)
        done = JobRun("web restart", "gWebServerRestart", due, due, due + timedelta(seconds=2), "done")
        missed = JobRun("proxy restart", "gCocProxyRestart", due, None, None, "missed: the system was off")
        store.jobs.record(done)
        store.jobs.record(missed)
        assert store.jobs.latest() == (missed, done)
        assert store.jobs.latest(1, variable="gWebServerRestart") == (done,)

    def test_the_audit_trail_keeps_who_did_what(self, store: Store) -> None:
        store.audit.note(ANNA, "login", "refused: wrong password")
        store.audit.note(BERTA, "logout")
        latest, earlier = store.audit.latest()
        assert (latest.actor, latest.action) == (BERTA, "logout")
        assert (earlier.actor, earlier.detail) == (ANNA, "refused: wrong password")
        assert earlier.at.tzinfo is UTC

    # Many at once

    def test_changes_of_many_threads_are_all_kept_in_a_row(self, store: Store, url: str) -> None:
        """No lost update: each change begins with the value the one before it left."""
        failed: list[BaseException] = []

        def work(number: int) -> None:
            try:
                with Store.open(url) as mine:
                    for each in range(15):
                        mine.variables.set("gWebTimeout", str(100 * number + each), ANNA)
            except BaseException as exc:
                failed.append(exc)

        before = store.revision()
        threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        history = store.variables.history(limit=100)
        assert len(history) == 60
        assert store.revision() == before + 60
        assert _is_chain(history)

    def test_one_store_serves_many_threads(self, store: Store) -> None:
        failed: list[BaseException] = []

        def work() -> None:
            try:
                for each in range(20):
                    store.audit.note(ANNA, "test", str(each))
                    store.revision()
                    store.variables.all()
            except BaseException as exc:
                failed.append(exc)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert len(store.audit.latest(1000)) == 120

    def test_what_is_read_together_is_of_one_moment(self, store: Store, url: str) -> None:
        """A routing table from two moments could name a member who is gone."""
        with Store.open(url) as other:

            def ask(connection: Connection) -> tuple[Office, Office]:
                before = read_office(connection)
                other.office.write(sample_office(), ANNA)
                return before, read_office(connection)

            assert store._database.read(ask) == (Office(), Office())
        assert store.office.read() != Office()

    # The state of the store

    def test_preparing_again_changes_nothing(self, store: Store, url: str) -> None:
        store.variables.set("gWebTimeout", "30", ANNA)
        before = (store.revision(), store.office.read())
        prepare(url)
        assert (store.revision(), store.office.read()) == before

    def test_a_store_of_a_newer_version_is_refused_by_name(self, store: Store, url: str) -> None:
        _sql(store, "UPDATE alembic_version SET version_num = '0042'")
        _sql(store, "UPDATE revision SET written_by = 'callisto-appliance 7.1'")
        sentence = (
            "this store was written by a newer version (callisto-appliance 7.1, schema 0042); "
            f"this version knows schemas up to {head(MIGRATIONS)}"
        )
        for attempt in (lambda: Store.open(url), lambda: prepare(url)):
            with pytest.raises(StoreNewerError) as refused:
                attempt()
            assert str(refused.value) == sentence
            assert "install that version" in refused.value.hint

    def test_tables_of_another_program_are_left_alone(self, store: Store, url: str) -> None:
        _sql(store, "DROP TABLE alembic_version")
        for attempt in (lambda: Store.open(url), lambda: prepare(url)):
            with pytest.raises(StoreUnavailableError, match="not a store of this program") as refused:
                attempt()
            assert refused.value.hint
        _sql(store, "SELECT number FROM revision")


class TestStoreOnSqlite(StoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path, request: pytest.FixtureRequest) -> str:
        url = f"sqlite:///{tmp_path}/callisto.db"
        prepare(url)
        return url


class TestStoreOnPostgresql(StoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path, request: pytest.FixtureRequest) -> str:
        return fresh_database(request, prepare)


def _is_chain(history: tuple[Change, ...]) -> bool:
    """Newest first."""
    return all(later.old == earlier.new for later, earlier in pairwise(history))


def _sql(store: Store, statement: str) -> None:
    """Behind the store's back."""
    with store._database._writer.begin() as connection:
        connection.exec_driver_sql(statement)

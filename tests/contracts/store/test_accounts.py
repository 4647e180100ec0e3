"""Who may log in, and as what."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete

from db import tables
from db.errors import (
    LastAdministratorError,
    PasswordRefusedError,
    UnknownUserError,
    UserExistsError,
    UserNameRefusedError,
)
from db.sample import sample_office
from db.store import Store
from db.stores.accounts import Account
from router.model import Presence
from tests.contracts.store.given import ANNA


def test_only_the_right_password_of_somebody_who_has_one_lets_in(store: Store) -> None:
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


def test_the_first_administrator_is_made_once(store: Store) -> None:
    assert store.accounts.ensure_admin("first")
    assert not store.accounts.ensure_admin("second")
    assert store.accounts.verify("admin", "first")
    assert store.accounts.verify("admin", "second") is None


def test_an_administrator_without_password_gets_one(store: Store) -> None:
    store.office.write(sample_office(), ANNA)
    assert store.accounts.ensure_admin("first")
    assert store.accounts.verify("admin", "first")


def test_people_whose_presence_is_lost_are_available_and_can_be_changed(store: Store) -> None:
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


def test_somebody_is_added_who_may_only_log_in(store: Store) -> None:
    store.accounts.ensure_admin("first")
    store.accounts.add("mia.m", "Mia Meier", "support", "mias password", ANNA)
    account = store.accounts.verify("mia.m", "mias password")
    assert account == Account("mia.m", "Mia Meier", frozenset({"support"}))
    note = store.audit.latest(1)[0]
    assert (note.actor, note.action, note.detail) == (ANNA, "user added", "mia.m, support")
    assert "mia.m" in {user.user for user in store.office.read().users}


@pytest.mark.parametrize("name", ["", "Mia", "mia meier", "-mia", "mia\n", "m" * 65])
def test_a_name_that_no_user_can_have_is_refused(store: Store, name: str) -> None:
    with pytest.raises(UserNameRefusedError) as refused:
        store.accounts.add(name, "", "support", "mias password", ANNA)
    assert "small letters" in refused.value.hint
    assert store.accounts.all() == ()


def test_a_second_user_of_a_name_is_refused_and_the_first_stays(store: Store) -> None:
    store.office.write(sample_office(), ANNA)
    before = store.accounts.all()
    with pytest.raises(UserExistsError) as refused:
        store.accounts.add("berta", "", "support", "another", ANNA)
    assert "user role berta support" in refused.value.hint
    assert store.accounts.all() == before


def test_a_role_is_given_and_taken_and_the_person_of_the_office_stays(store: Store) -> None:
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
def test_the_last_administrator_stays_one(store: Store, role: str | None) -> None:
    store.accounts.ensure_admin("first")
    with pytest.raises(LastAdministratorError):
        store.accounts.set_role("admin", role, ANNA)
    store.accounts.add("eva", "", "administrator", "evas password", ANNA)
    store.accounts.set_role("admin", role, ANNA)
    assert store.accounts.verify("eva", "evas password")


def test_a_password_is_changed_and_noted_without_the_password(store: Store) -> None:
    store.accounts.ensure_admin("first")
    store.accounts.set_password("admin", "zweites Passwört 🔑", ANNA)
    assert store.accounts.verify("admin", "first") is None
    assert store.accounts.verify("admin", "zweites Passwört 🔑")
    note = store.audit.latest(1)[0]
    assert (note.actor, note.action, note.detail) == (ANNA, "password set", "for admin")


def test_a_password_of_257_characters_is_refused_and_never_right(store: Store) -> None:
    store.accounts.ensure_admin("x" * 256)
    assert store.accounts.verify("admin", "x" * 256)
    assert store.accounts.verify("admin", "x" * 257) is None
    for password in ("", "x" * 257):
        with pytest.raises(PasswordRefusedError):
            store.accounts.set_password("admin", password, ANNA)
    with pytest.raises(UnknownUserError):
        store.accounts.set_password("nobody", "x", ANNA)

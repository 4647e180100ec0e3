"""What a new store gets, and that it gets it once, whoever is killed in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.first_start import furnish, generated_password
from db.sample import sample_office
from db.store import Store, prepare
from db.variables.states import Actor


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/callisto.db"
    prepare(url)
    with Store.open(url) as store:
        yield store


def test_a_new_store_gets_the_sample_office_and_an_administrator(store: Store) -> None:
    password = furnish(store, None)
    assert password
    account = store.accounts.verify("admin", password)
    assert account
    assert "administrator" in account.roles
    assert {group.name for group in store.office.read().groups} == {
        group.name for group in sample_office().groups
    }


def test_a_given_password_is_not_given_back(store: Store) -> None:
    assert furnish(store, "for-the-tests") is None
    assert store.accounts.verify("admin", "for-the-tests")


def test_later_starts_change_nothing(store: Store) -> None:
    password = furnish(store, None)
    assert password
    revision = store.revision()
    assert furnish(store, "another") is None
    assert store.revision() == revision
    assert store.accounts.verify("admin", password)


def test_a_kill_before_the_administrator_was_made_is_made_good(store: Store) -> None:
    store.office.write(sample_office(), Actor("system", "", "system"))
    password = furnish(store, None)
    assert password
    assert store.accounts.verify("admin", password)


def test_an_office_that_was_imported_first_is_kept(store: Store) -> None:
    whole = sample_office()
    store.office.write(replace(whole, groups=whole.groups[:1]), Actor("system", "", "system"))
    assert furnish(store, None)
    assert len(store.office.read().groups) == 1


def test_generated_passwords_differ_and_can_be_typed() -> None:
    passwords = {generated_password() for _ in range(100)}
    assert len(passwords) == 100
    for password in passwords:
        assert len(password) == 14
        assert not set("0O1lIo") & set(password)


def test_what_a_repair_has_left_of_an_office_is_not_replaced_by_the_sample(store: Store) -> None:
    """All people lost, and what refers to them: the numbers of the contacts are still worth a lot."""
    whole = sample_office()
    store.office.write(replace(whole, users=(), groups=(), variables={}), Actor("system", "", "system"))
    password = furnish(store, None)
    assert password
    assert store.accounts.verify("admin", password)
    assert store.office.read().contacts == whole.contacts
    assert store.office.read().groups == ()

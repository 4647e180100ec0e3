"""The password of a machine's first start: one, shown until it is changed, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.first_login import ShellFirstPassword
from appliance.first_password import FirstPassword
from appliance.first_start import furnish_machine
from db.office import FIRST_ADMINISTRATOR
from db.prepare import prepare
from db.store import Store
from db.variables.states import Actor

ACTOR = Actor("admin", "127.0.0.1:4711", "telnet")


@pytest.fixture
def first(tmp_path: Path) -> FirstPassword:
    return FirstPassword(tmp_path / "first-password")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/callisto.db"
    prepare(url)
    opened = Store.open(url)
    yield opened
    opened.close()


def test_the_first_start_makes_one_that_is_good(store: Store, first: FirstPassword, tmp_path: Path) -> None:
    furnish_machine(store, first, None)
    text = first.text()
    assert text
    assert store.accounts.verify(FIRST_ADMINISTRATOR, text)
    assert first.is_it("admin", text)
    assert not first.is_it("admin", text + "x")
    assert not first.is_it("mia", text)
    assert (tmp_path / "first-password").stat().st_mode & 0o777 == 0o600


def test_a_second_start_makes_no_other(store: Store, first: FirstPassword) -> None:
    furnish_machine(store, first, None)
    before = first.text()
    furnish_machine(store, first, None)
    assert first.text() == before


def test_a_power_cut_before_the_administrator_was_made_leaves_the_one_that_was_shown(
    store: Store, first: FirstPassword
) -> None:
    first.keep("abcd-efgh-jkmn")
    furnish_machine(store, first, None)
    assert first.text() == "abcd-efgh-jkmn"
    assert store.accounts.verify(FIRST_ADMINISTRATOR, "abcd-efgh-jkmn")


async def test_once_changed_it_is_shown_no_more_and_none_is_made_again(
    store: Store, first: FirstPassword
) -> None:
    furnish_machine(store, first, None)
    await ShellFirstPassword(store, first).change("admin", "something better", ACTOR)
    assert first.text() is None
    furnish_machine(store, first, None)
    assert first.text() is None
    assert store.accounts.verify("admin", "something better")


def test_one_that_was_changed_elsewhere_is_forgotten_at_the_next_start(
    store: Store, first: FirstPassword
) -> None:
    furnish_machine(store, first, None)
    store.accounts.set_password("admin", "something better", ACTOR)
    furnish_machine(store, first, None)
    assert first.text() is None


def test_a_password_that_was_given_need_not_be_changed(store: Store, first: FirstPassword) -> None:
    furnish_machine(store, first, "given by the engineer")
    assert first.text() is None
    assert store.accounts.verify("admin", "given by the engineer")

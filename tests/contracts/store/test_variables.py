"""System variables: kept with who changed them, refused with what is right."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from db.errors import (
    AmbiguousVariableError,
    InvalidValueError,
    NotInEditionError,
    RefusedError,
    UnknownVariableError,
)
from db.sample import sample_office
from db.store import Store
from db.variables.states import Actor
from tests.contracts.store.given import ANNA, BERTA, SHIFTED


def test_a_new_store_has_every_variable_at_its_default(store: Store) -> None:
    states = store.variables.all()
    assert len(states) == 18
    assert all(state.is_default and state.last_change is None for state in states)
    assert store.variables.history() == ()


def test_a_change_is_kept_with_user_address_time_channel_old_and_new(url: str) -> None:
    at = datetime(2026, 11, 22, 20, 30, tzinfo=SHIFTED)
    with Store.open(url, clock=lambda: at) as store:
        change = store.variables.set("gWebServerRestart", "sun,wed 02:00", ANNA)
        assert change == store.variables.history()[0] == store.variables.get("gWebServerRestart").last_change
    assert (change.old, change.new) == ("", "9,02:00")
    assert (change.old_is_default, change.new_is_default) == (True, False)
    assert change.actor == ANNA
    assert change.at == at
    assert change.at.tzinfo is UTC


def test_a_value_is_there_for_another_process(store: Store, url: str) -> None:
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
    store: Store, name: str, text: str, error: type[RefusedError]
) -> None:
    before = (store.variables.all(), store.revision())
    with pytest.raises(error) as refused:
        store.variables.set(name, text, ANNA)
    assert refused.value.hint
    assert (store.variables.all(), store.revision()) == before


def test_reset_goes_back_to_the_default_and_is_a_change(store: Store) -> None:
    store.variables.set("gWebTimeout", "30", ANNA)
    change = store.variables.reset("gwebt", BERTA)
    assert (change.old, change.new, change.new_is_default) == ("30", "20", True)
    assert store.variables.get("gWebTimeout").is_default


def test_the_same_value_again_is_no_change(store: Store) -> None:
    store.variables.set("gWebTimeout", "30", ANNA)
    revision = store.revision()
    assert not store.variables.set("gWebTimeout", " 030 min", BERTA).changed
    assert not store.variables.reset("gStripCallerID", BERTA).changed
    assert store.revision() == revision
    assert len(store.variables.history()) == 1


def test_setting_the_default_pins_it_against_the_edition(url: str) -> None:
    with Store.open(url, "ucm") as ucm:
        assert ucm.variables.set("gTransferWithCallerID", "1", ANNA).changed
    with Store.open(url, "express") as express:
        assert express.variables.get("gTransferWithCallerID").value == "1"
        express.variables.reset("gTransferWithCallerID", ANNA)
        assert express.variables.get("gTransferWithCallerID").value == "0"


def test_line_names_follow_users_on_express_alone(url: str) -> None:
    with Store.open(url, "express") as express:
        assert express.variables.set("gSyncLineName", "on", ANNA).new == "1"
    with Store.open(url, "one") as one:
        state = one.variables.get("gSyncLineName")
        assert state.value == "1"
        assert state.unavailable
        assert one.variables.reset("gSyncLineName", ANNA).new == "0"


def test_a_default_mailbox_is_the_number_of_a_user(store: Store) -> None:
    store.office.write(sample_office(), ANNA)
    assert store.variables.set("gDefaultMailbox", "202", ANNA).new == "202"


def test_text_that_no_database_keeps_is_refused_or_replaced(store: Store) -> None:
    odd = Actor("an\0na\ud800", "x" * 500, "telnet")
    with pytest.raises(InvalidValueError):
        store.variables.set("gTimeServer", "a\0b\ud800", odd)
    change = store.variables.set("gTimeServer", "ntp.example", odd)
    assert change.actor.user == "an\ufffdna\ufffd"
    assert len(change.actor.address) == 64

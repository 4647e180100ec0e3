"""A change of a variable is taken back, and that again; and the history of both."""

from __future__ import annotations

from dataclasses import replace

import pytest

from db.errors import (
    InvalidValueError,
    UndoRefusedError,
)
from db.sample import sample_office
from db.store import Store
from tests.contracts.store.given import ANNA, BERTA


def test_undo_takes_back_one_change_after_the_other(store: Store) -> None:
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


def test_an_undo_is_a_change_of_who_undid(store: Store) -> None:
    first = store.variables.set("gWebTimeout", "30", ANNA)
    undo = store.variables.undo(BERTA)
    latest, earlier = store.variables.history()
    assert latest == undo
    assert (latest.actor, latest.undoes) == (BERTA, first.id)
    assert earlier == replace(first, undone_by=undo.id)


def test_a_change_is_undone_by_its_number(store: Store) -> None:
    strip = store.variables.set("gStripCallerID", "2", ANNA)
    store.variables.set("gWebTimeout", "30", ANNA)
    assert store.variables.undo(BERTA, strip.id).name == "gStripCallerID"
    assert store.variables.get("gWebTimeout").value == "30"


def test_undo_is_refused_when_the_value_has_moved_on(store: Store) -> None:
    first = store.variables.set("gWebTimeout", "30", ANNA)
    second = store.variables.set("gWebTimeout", "40", ANNA)
    with pytest.raises(UndoRefusedError, match=f"moved on since change #{first.id} by change #{second.id}"):
        store.variables.undo(BERTA, first.id)
    assert store.variables.get("gWebTimeout").value == "40"


def test_undo_is_refused_when_the_value_went_away_and_came_back(store: Store) -> None:
    first = store.variables.set("gWebTimeout", "30", ANNA)
    store.variables.set("gWebTimeout", "40", ANNA)
    store.variables.set("gWebTimeout", "30", ANNA)
    with pytest.raises(UndoRefusedError):
        store.variables.undo(BERTA, first.id)


def test_an_undo_can_be_undone_and_the_change_then_stands_again(store: Store) -> None:
    first = store.variables.set("gWebTimeout", "30", ANNA)
    undo = store.variables.undo(ANNA)
    assert store.variables.undo(ANNA, undo.id).new == "30"
    assert store.variables.history()[-1].undone_by is None
    assert store.variables.undo(BERTA).undoes == first.id
    assert store.variables.get("gWebTimeout").is_default


def test_what_is_undone_cannot_be_undone_twice(store: Store) -> None:
    first = store.variables.set("gWebTimeout", "30", ANNA)
    store.variables.undo(ANNA)
    with pytest.raises(UndoRefusedError, match="already"):
        store.variables.undo(ANNA, first.id)
    with pytest.raises(UndoRefusedError, match="no change #4711"):
        store.variables.undo(ANNA, 4711)


def test_undo_does_not_bring_back_a_value_that_is_wrong_by_now(store: Store) -> None:
    store.office.write(sample_office(), ANNA)
    store.variables.set("gDefaultMailbox", "203", ANNA)
    gone = store.variables.reset("gDefaultMailbox", ANNA)
    office = store.office.read()
    users = tuple(replace(user, number="") if user.user == "carla" else user for user in office.users)
    store.office.write(replace(office, users=users), ANNA)
    with pytest.raises(InvalidValueError, match="no user has the number 203"):
        store.variables.undo(ANNA, gone.id)


def test_history_is_of_one_variable_or_of_all_newest_first(store: Store) -> None:
    for value in ("1", "2", "3"):
        store.variables.set("gStripCallerID", value, ANNA)
    store.variables.set("gWebTimeout", "30", ANNA)
    assert [change.new for change in store.variables.history()] == ["30", "3", "2", "1"]
    assert [change.new for change in store.variables.history("gstrip", limit=2)] == ["3", "2"]

"""Changes on trial."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from db.errors import (
    NotOnTrialError,
    OnTrialError,
)
from db.office import Office
from db.sample import sample_office
from db.store import Store
from db.variables.trials import Outcome
from tests.contracts.store.given import ANNA, BERTA, FIVE, SYSTEM


def test_a_change_on_trial_waits_until_somebody_confirms_it(store: Store) -> None:
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


def test_a_change_that_nobody_confirms_is_undone_once_and_its_maker_told_once(store: Store) -> None:
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


def test_while_a_change_waits_its_variable_has_no_other(store: Store) -> None:
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


def test_a_trial_whose_value_an_office_has_replaced_is_not_undone(store: Store) -> None:
    change = store.variables.set("gWebTimeout", "30", ANNA, trial=FIVE)
    store.office.write(replace(store.office.read(), variables={"gWebTimeout": "45"}), BERTA)
    ended = store.variables.give_up(change.id, SYSTEM)
    assert ended is not None
    assert ended.outcome is Outcome.OVERTAKEN
    assert store.variables.get("gWebTimeout").value == "45"


def test_an_old_value_that_would_not_be_right_any_more_is_not_put_back(store: Store) -> None:
    store.office.write(sample_office(), ANNA)
    number = next(user.number for user in sample_office().users if user.number)
    store.variables.set("gDefaultMailbox", number, ANNA)
    change = store.variables.set("gDefaultMailbox", "", ANNA, trial=FIVE)
    store.office.write(Office(variables={"gDefaultMailbox": ""}), ANNA)
    ended = store.variables.give_up(change.id, SYSTEM)
    assert ended is not None
    assert ended.outcome is Outcome.KEPT
    assert [trial.outcome for trial in store.variables.untold("anna")] == [Outcome.KEPT]


def test_of_many_who_undo_a_trial_one_does(store: Store, url: str) -> None:
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

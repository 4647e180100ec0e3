"""Leases: who has not said for too long that he is there is gone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from appliance.trace.lookers import LEASE_S, MOST_LOOKERS, Looker, Lookers
from db.variables.states import Actor
from shell.trace.choice import EVERYTHING
from shell.trace_ports import TraceRefusedError

ANNA = Actor("anna", "192.0.2.1:1024", "telnet")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def looker(heard: float = 0.0, capture: str = "") -> Looker:
    return Looker(ANNA, EVERYTHING, NOON, capture, "", heard)


def test_a_lease_is_over_after_its_seconds_and_not_before() -> None:
    lookers = Lookers()
    lookers.enter("1-1", looker(heard=100.0))
    lookers.enter("1-2", looker(heard=101.0))
    assert lookers.late(100.0 + LEASE_S) == []
    assert lookers.late(100.5 + LEASE_S) == ["1-1"]


def test_those_of_a_capture_are_counted_until_they_leave() -> None:
    lookers = Lookers()
    lookers.enter("1-1", looker(capture="one"))
    lookers.enter("1-2", looker(capture="other"))
    assert lookers.of("one") == 1
    left = lookers.leave("1-1")
    assert left is not None
    assert left.capture == "one"
    assert lookers.of("one") == 0
    assert lookers.leave("1-1") is None


def test_there_is_room_for_so_many() -> None:
    lookers = Lookers()
    for number in range(MOST_LOOKERS):
        lookers.must_have_room()
        lookers.enter(f"1-{number}", looker())
    with pytest.raises(TraceRefusedError):
        lookers.must_have_room()

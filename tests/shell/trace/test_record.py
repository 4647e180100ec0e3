"""Records on their way between processes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shell.trace.once import Once
from shell.trace.record import GROUPS, LEVELS, Record, Sip, from_wire, to_wire

TEXTS = st.text(st.characters(), max_size=40)
SIPS = st.builds(Sip, st.sampled_from(("in", "out")), TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
RECORDS = st.builds(
    Record,
    st.floats(0, 4e9),
    TEXTS,
    st.sampled_from(LEVELS),
    st.sampled_from(GROUPS),
    TEXTS,
    TEXTS,
    st.lists(TEXTS, max_size=3).map(tuple),
    st.none() | SIPS,
)
GOOD = to_wire(Record(1.0, "router", "info", "log", "text", sip=Sip("in", "a", "b", "udp", "c", "raw")))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=20,
)


@given(RECORDS)
def test_a_record_arrives_as_it_was_sent(record: Record) -> None:
    assert from_wire(json.loads(json.dumps(to_wire(record)))) == record


@given(ANYTHING)
def test_whatever_is_no_record_is_refused(wire: Any) -> None:
    with pytest.raises(ValueError, match=r"trace record|SIP message"):
        from_wire(wire)


@given(st.integers(0, 7), ANYTHING)
def test_a_record_with_one_wrong_field_is_refused_or_still_a_record(place: int, value: Any) -> None:
    wire = [*GOOD[:place], value, *GOOD[place + 1 :]]
    try:
        record = from_wire(wire)
    except ValueError:
        return
    assert from_wire(json.loads(json.dumps(to_wire(record)))) == record


@pytest.mark.parametrize("at", [float("nan"), float("inf"), True, "1", None])
def test_the_time_of_a_record_is_a_finite_number(at: Any) -> None:
    with pytest.raises(ValueError, match="time"):
        from_wire([at, *GOOD[1:]])


def test_what_is_made_of_a_record_is_made_once_for_all_viewers() -> None:
    made: list[Record] = []

    def make(record: Record) -> str:
        made.append(record)
        return record.text

    once = Once(make, kept=2)
    first, twin = (Record(1.0, "web", "info", "log", "a") for _ in range(2))
    assert [once(first), once(first), once(twin)] == ["a"] * 3
    assert len(made) == 2
    assert once(Record(1.0, "web", "info", "log", "third")) == "third"
    assert len(once._made) <= 2

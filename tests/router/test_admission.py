"""Room for calls, decided before the C library decides."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router.admission import Load, may_dial, phones_at_once, reserve


def test_four_legs_have_room_for_one_call_with_two_phones() -> None:
    assert phones_at_once(Load(capacity=4, in_use=1, alive=1, promised=0), wanted=2) == 2


def test_four_legs_with_a_call_have_no_room_for_another() -> None:
    assert phones_at_once(Load(capacity=4, in_use=3, alive=3, promised=2), wanted=1) == 0


def test_call_that_wants_more_than_there_is_gets_what_there_is() -> None:
    assert phones_at_once(Load(capacity=4, in_use=1, alive=1, promised=0), wanted=10) == 2


def test_legs_that_linger_take_room() -> None:
    assert phones_at_once(Load(capacity=4, in_use=2, alive=1, promised=0), wanted=2) == 1
    assert phones_at_once(Load(capacity=4, in_use=3, alive=1, promised=0), wanted=2) == 0


def test_last_leg_is_kept_free_of_phones() -> None:
    assert may_dial(4, 2)
    assert not may_dial(4, 3)


@given(st.integers(4, 2048), st.lists(st.integers(1, 30), max_size=200))
def test_promises_never_exceed_what_is_there(capacity: int, wishes: list[int]) -> None:
    """Calls come one after the other and none ends: what each may use never adds up to the reserve."""
    promised = calls = 0
    for wanted in wishes:
        lines = phones_at_once(Load(capacity, calls + 1, calls + 1, promised), wanted)
        assert 0 <= lines <= wanted
        if lines:
            promised += 1 + lines
            calls += 1
        assert promised <= capacity - reserve(capacity)

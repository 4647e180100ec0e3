from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shell.throttle import Policy, Throttle, Verdict, wait_after

OPEN = Policy(global_failures=10_000)


def test_three_failures_are_free_and_then_the_wait_doubles_up_to_its_limit() -> None:
    waits = [wait_after(failures, OPEN) for failures in range(14)]
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_an_address_that_must_wait_is_refused_until_its_time_is_over() -> None:
    throttle = Throttle(OPEN)
    for _ in range(3):
        assert throttle.attempt("192.0.2.1", 100.0) == Verdict()
    assert throttle.attempt("192.0.2.1", 100.25).wait_s == pytest.approx(0.75)
    assert throttle.attempt("192.0.2.1", 100.75).wait_s == pytest.approx(0.25)
    assert throttle.attempt("192.0.2.1", 101.0) == Verdict()
    assert throttle.attempt("192.0.2.1", 101.0).wait_s == pytest.approx(2.0)


def test_another_address_waits_for_nobody() -> None:
    throttle = Throttle(OPEN)
    for _ in range(5):
        throttle.attempt("192.0.2.1", 0.0)
    assert throttle.attempt("192.0.2.2", 0.0) == Verdict()


def test_success_forgets_the_failures() -> None:
    throttle = Throttle(OPEN)
    for _ in range(3):
        throttle.attempt("192.0.2.1", 0.0)
    throttle.succeeded("192.0.2.1")
    assert throttle.attempt("192.0.2.1", 0.0) == Verdict()


def test_an_attempt_that_could_not_be_looked_at_does_not_count() -> None:
    throttle = Throttle(OPEN)
    for _ in range(20):
        assert throttle.attempt("192.0.2.1", 0.0) == Verdict()
        throttle.withdrawn("192.0.2.1")


def test_an_hour_without_failures_begins_anew() -> None:
    throttle = Throttle(OPEN)
    for moment in (0.0, 0.0, 0.0, 1.0, 3.0):
        assert throttle.attempt("192.0.2.1", moment) == Verdict()
    assert throttle.attempt("192.0.2.1", 3603.0) == Verdict()
    assert throttle.attempt("192.0.2.1", 3603.0) == Verdict()


def test_guessing_from_everywhere_slows_everybody_who_is_not_known() -> None:
    throttle = Throttle(Policy(global_failures=5, global_delay_s=3.0))
    throttle.attempt("192.0.2.200", 0.0)
    throttle.succeeded("192.0.2.200")
    for n in range(5):
        assert throttle.attempt(f"192.0.2.{n}", 1.0) == Verdict()
    assert throttle.attempt("192.0.2.99", 2.0) == Verdict(delay_s=3.0)
    assert throttle.attempt("192.0.2.200", 2.0) == Verdict()
    assert throttle.attempt("192.0.2.100", 63.0) == Verdict()


def test_the_console_may_be_left_out() -> None:
    throttle = Throttle(Policy(exempt_loopback=True))
    for address in ("127.0.0.1", "::1"):
        assert [throttle.attempt(address, 0.0) for _ in range(50)] == [Verdict()] * 50
    assert throttle.attempt("unknown", 0.0) == Verdict()
    strict = Throttle()
    assert [strict.attempt("127.0.0.1", 0.0).wait_s > 0 for _ in range(4)] == [False, False, False, True]


def test_only_so_many_addresses_are_remembered() -> None:
    throttle = Throttle(Policy(addresses=10, global_failures=10_000))
    for n in range(50):
        throttle.attempt(f"2001:db8::{n:x}", 0.0)
        throttle.attempt(f"2001:db8:1::{n:x}", 0.0)
        throttle.succeeded(f"2001:db8:1::{n:x}")
    assert len(throttle._records) <= 10
    assert len(throttle._welcome) <= 10


@given(st.lists(st.floats(0, 30), min_size=1, max_size=40))
def test_within_a_time_no_more_guesses_pass_than_the_waits_allow(pauses: list[float]) -> None:
    throttle = Throttle(OPEN)
    now = passed = 0.0
    for pause in pauses:
        now += pause
        passed += throttle.attempt("192.0.2.1", now).wait_s == 0
    waited = sum(wait_after(failures, OPEN) for failures in range(int(passed)))
    assert waited <= now + 1e-6

"""A process that has grown is restarted when nobody notices, and in the end whoever notices."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from appliance.memory import PATIENCE, SAMPLE_EVERY, SAMPLES, SETTLED, Growth, Limits, Sample, Verdict, weigh

LIMITS = Limits(soft=512, hard=1024)
START = 1000.0


def verdicts(
    size: Callable[[int], int], calls: Callable[[int], int | None], count: int, limits: Limits = LIMITS
) -> list[Verdict]:
    """One for each sample of a process that has settled long ago."""
    growth, found = Growth(since=START - SETTLED), []
    for number in range(count):
        sample = Sample(START + number * SAMPLE_EVERY, size(number), calls(number))
        growth, verdict = weigh(growth, sample, limits)
        found.append(verdict)
    return found


def first(found: list[Verdict], verdict: Verdict) -> int:
    return found.index(verdict)


def test_below_the_limit_nothing_happens() -> None:
    assert set(verdicts(lambda _: 512, lambda _: 0, 100)) == {Verdict.FINE}


def test_above_it_the_first_moment_without_calls_is_taken() -> None:
    found = verdicts(lambda _: 600, lambda n: 0 if n in {2, 20} else 3, 30)
    assert found[: SAMPLES - 1] == [Verdict.FINE] * (SAMPLES - 1)
    assert found[SAMPLES - 1 : 20] == [Verdict.WAITS] * (20 - SAMPLES + 1)
    assert found[20] is Verdict.RESTART


def test_a_moment_above_it_is_no_growth() -> None:
    found = verdicts(lambda n: 2000 if n % SAMPLES else 400, lambda _: 0, 200)
    assert set(found) == {Verdict.FINE}


def test_above_the_soft_limit_calls_are_never_ended() -> None:
    assert Verdict.RESTART not in verdicts(lambda _: 1024, lambda _: 1, 2000)


def test_far_above_it_a_moment_with_few_calls_is_taken_within_the_patience() -> None:
    found = verdicts(lambda _: 1100, lambda n: 10 - n % 10, 300)
    taken = first(found, Verdict.RESTART)
    waited = (taken - (SAMPLES - 1)) * SAMPLE_EVERY
    assert PATIENCE / 2 <= waited <= PATIENCE
    assert 10 - taken % 10 == 1


def test_what_nobody_knows_the_calls_of_is_restarted_at_the_end_of_the_patience() -> None:
    taken = first(verdicts(lambda _: 1100, lambda _: None, 300), Verdict.RESTART)
    assert (taken - (SAMPLES - 1)) * SAMPLE_EVERY >= PATIENCE


def test_a_new_process_has_time_to_settle() -> None:
    growth = Growth(since=START)
    for number in range(100):
        at = START + number * SAMPLE_EVERY
        growth, verdict = weigh(growth, Sample(at, 5000, 0), LIMITS)
        if verdict is Verdict.RESTART:
            assert at - START >= SETTLED
            return
    raise AssertionError("never restarted")


def test_no_limit_is_no_limit() -> None:
    assert set(verdicts(lambda _: 100_000, lambda _: 0, 300, Limits(0, 0))) == {Verdict.FINE}


@given(st.lists(st.tuples(st.integers(0, 2000), st.none() | st.integers(0, 5)), max_size=200))
def test_a_call_is_ended_only_after_the_hard_limit_and_long_patience(
    samples: list[tuple[int, int | None]],
) -> None:
    growth, far = Growth(since=START - SETTLED), 0
    for number, (size, calls) in enumerate(samples):
        growth, verdict = weigh(growth, Sample(START + number * SAMPLE_EVERY, size, calls), LIMITS)
        far = far + 1 if size > LIMITS.hard else 0
        if verdict is Verdict.RESTART:
            assert calls == 0 or (far - SAMPLES) * SAMPLE_EVERY >= PATIENCE / 2
            assert min(one for one, _ in samples[number - SAMPLES + 1 : number + 1]) > LIMITS.soft
            growth, far = Growth(since=START + number * SAMPLE_EVERY), 0

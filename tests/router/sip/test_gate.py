"""Who is admitted, and that refusals are never a flood."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.sip.gate import Gate, Limits, Verdict

ROUNDING = 1e-6
"""Seconds: sums of floating point numbers."""


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("10.1.2.3", Verdict.ADMIT),
        ("10.2.0.1", Verdict.REFUSE),
        ("192.0.2.7", Verdict.ADMIT),
        ("192.0.2.8", Verdict.REFUSE),
        ("2001:db8::1", Verdict.ADMIT),
        ("2001:db9::1", Verdict.REFUSE),
        ("fe80::1%eth0", Verdict.ADMIT),
    ],
)
def test_networks_and_peers_are_admitted_and_nobody_else(source: str, verdict: Verdict) -> None:
    gate = Gate(("10.1.0.0/16", "2001:db8::/32", "fe80::/10"), peers=("192.0.2.7",))
    assert gate.judge(source, 0.0) is verdict
    assert gate.judge(source, 0.0) is verdict


def test_nobody_is_admitted_by_default_and_everybody_by_any() -> None:
    assert Gate(()).judge("127.0.0.1", 0.0) is Verdict.REFUSE
    assert Gate(("any",)).judge("203.0.113.9", 0.0) is Verdict.ADMIT
    assert Gate(("any",)).judge("2001:db8::1", 0.0) is Verdict.ADMIT


def test_a_network_with_host_bits_is_its_network() -> None:
    assert Gate(("10.1.2.3/16",)).judge("10.1.9.9", 0.0) is Verdict.ADMIT


def test_new_networks_are_used_at_once_and_throttling_goes_on() -> None:
    gate = Gate(("10.0.0.0/8",), limits=Limits(burst=1, per_second=0.1))
    assert gate.judge("10.0.0.1", 0.0) is Verdict.ADMIT
    assert gate.judge("192.0.2.1", 0.0) is Verdict.REFUSE
    gate.use((), peers=("192.0.2.9",))
    assert gate.judge("10.0.0.1", 0.0) is Verdict.REFUSE
    assert gate.judge("192.0.2.9", 0.0) is Verdict.ADMIT
    assert gate.judge("192.0.2.1", 0.0) is Verdict.DROP


def test_networks_that_are_none_are_refused_and_the_old_ones_stay() -> None:
    gate = Gate(("10.0.0.0/8",))
    with pytest.raises(ValueError, match="pbx"):
        gate.use(("any", "pbx.example"))
    assert gate.judge("10.0.0.1", 0.0) is Verdict.ADMIT
    assert gate.judge("192.0.2.1", 0.0) is Verdict.REFUSE


def test_a_stranger_hears_a_few_refusals_then_silence_then_one_now_and_then() -> None:
    gate = Gate((), limits=Limits(burst=3, per_second=0.5))
    first = [gate.judge("192.0.2.1", 0.0) for _ in range(10)]
    assert first == [Verdict.REFUSE] * 3 + [Verdict.DROP] * 7
    assert gate.judge("192.0.2.1", 1.9) is Verdict.DROP
    assert gate.judge("192.0.2.1", 2.1) is Verdict.REFUSE
    assert gate.judge("192.0.2.1", 2.2) is Verdict.DROP
    assert gate.judge("192.0.2.2", 2.2) is Verdict.REFUSE
    assert gate.facts() == {"refused": 5, "dropped": 9, "sources": 2}


def test_the_addresses_of_one_ipv6_network_are_one_source() -> None:
    gate = Gate((), limits=Limits(burst=1, per_second=0.1))
    assert gate.judge("2001:db8::1", 0.0) is Verdict.REFUSE
    assert gate.judge("2001:db8::ffff:2", 0.0) is Verdict.DROP
    assert gate.judge("2001:db8:0:1::1", 0.0) is Verdict.REFUSE


def test_an_answer_longer_than_its_request_is_not_sent_and_counts_as_dropped() -> None:
    gate = Gate(())
    gate.judge("192.0.2.1", 0.0)
    assert gate.fits(400, 400)
    assert gate.facts()["refused"] == 1
    assert not gate.fits(400, 401)
    assert gate.facts() == {"refused": 0, "dropped": 1, "sources": 1}


def test_forged_sources_fill_neither_memory_nor_wire() -> None:
    limits = Limits()
    gate = Gate(("10.0.0.0/8",), limits=limits)
    rng = random.Random(20261122)
    refused, seconds, a_second = 0, 20, 2000
    for step in range(seconds * a_second):
        source = f"203.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}"
        refused += gate.judge(source, step / a_second) is Verdict.REFUSE
        if step % 1000 == 0:
            assert gate.judge("10.0.0.1", step / a_second) is Verdict.ADMIT
    assert refused <= limits.burst_of_all + seconds * limits.per_second_of_all
    assert gate.facts()["sources"] <= limits.sources
    assert gate.facts()["refused"] + gate.facts()["dropped"] == seconds * a_second


def test_admitted_sources_do_not_fill_the_memory() -> None:
    gate = Gate(("any",))
    for number in range(20_000):
        gate.judge(f"10.0.{number // 256}.{number % 256}", 0.0)
    assert len(gate._admitted) <= 4096


@pytest.mark.parametrize(
    "wrong",
    [
        {"burst": 0},
        {"per_second": 0.0},
        {"burst_of_all": 0},
        {"per_second_of_all": -1.0},
        {"sources": 100},
        {"per_second": 0.01},
    ],
)
def test_limits_that_would_not_hold_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="refus"):
        Limits(**wrong)  # type: ignore[arg-type]


_SOURCES = (
    "192.0.2.1",
    "192.0.2.2",
    "2001:db8::1",
    "2001:db8::2",
    "198.51.100.1",
    "198.51.100.2",
    "10.0.0.1",
)


@given(
    requests=st.lists(
        st.tuples(
            st.sampled_from(_SOURCES),
            st.sampled_from((0.0, 0.001, 0.1, 0.4, 1.0, 3.0)),
            st.integers(100, 2000),
            st.integers(100, 2000),
        ),
        max_size=200,
    ),
    burst=st.integers(1, 4),
    per_second=st.sampled_from((0.5, 1.0, 4.0)),
    of_all=st.integers(1, 5),
)
def test_whatever_the_order_refusals_stay_below_their_rate_and_answers_below_requests(
    requests: list[tuple[str, float, int, int]], burst: int, per_second: float, of_all: int
) -> None:
    # As few sources as the limits allow: those that leave must not come back with a fresh burst.
    fewest = int(of_all + 0.5 * burst / per_second) + 1
    limits = Limits(burst, per_second, burst_of_all=of_all, per_second_of_all=0.5, sources=fewest)
    gate = Gate(("10.0.0.0/8",), limits=limits)
    refusals: dict[str, list[float]] = defaultdict(list)
    asked = answered = now = 0.0
    for source, pause, request_bytes, answer_bytes in requests:
        now += pause
        verdict = gate.judge(source, now)
        assert (verdict is Verdict.ADMIT) == source.startswith("10.")
        if verdict is Verdict.ADMIT:
            continue
        asked += request_bytes
        if verdict is Verdict.REFUSE:
            refusals[source.rpartition(":")[0] or source].append(now)
            refusals["all"].append(now)
            if gate.fits(request_bytes, answer_bytes):
                answered += answer_bytes
        assert answered <= asked
        assert gate.facts()["sources"] <= fewest
    everybody = refusals.pop("all", [])
    _at_most(everybody, limits.burst_of_all, limits.per_second_of_all)
    for times in refusals.values():
        _at_most(times, limits.burst, limits.per_second)


@given(times=st.lists(st.floats(0, 100), max_size=50))
def test_a_clock_that_goes_back_gives_nothing_away(times: list[float]) -> None:
    gate = Gate((), limits=Limits(burst=2, per_second=1.0))
    refused = sum(gate.judge("192.0.2.1", now) is Verdict.REFUSE for now in times)
    assert refused <= 2 + (max(times, default=0.0) - (times[0] if times else 0.0)) + ROUNDING


def _at_most(times: list[float], burst: int, per_second: float) -> None:
    """In every span of time, those at its edges included."""
    for first, began in enumerate(times):
        for last, ended in enumerate(times[first:], start=first):
            assert last - first + 1 <= burst + (ended - began + ROUNDING) * per_second

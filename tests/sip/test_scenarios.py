"""The sipp scenarios against each other, without a router between: what journeys and bench may rely on."""

from __future__ import annotations

import math

import pytest

from tests.sip.sipp import HOST, Figures, Sipp, sipp


def both(caller: Sipp, phone: Sipp) -> tuple[Figures, Figures]:
    return caller.wait(), phone.wait()


@pytest.mark.parametrize(
    ("caller", "phone"),
    [
        ("caller", "phone_answers"),
        ("caller_is_hung_up", "phone_hangs_up"),
        ("caller_gives_up", "phone_rings"),
        ("caller_refused", "phone_refuses"),
    ],
)
@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_caller_and_a_phone_get_on(caller: str, phone: str, transport: str) -> None:
    with (
        sipp(phone, calls=2, transport=transport, ring_ms=20, talk_ms=50) as called,
        sipp(
            caller, to=f"{HOST}:{called.port}", calls=2, transport=transport, ring_ms=50, talk_ms=50
        ) as calling,
    ):
        for figures, errors in zip(both(calling, called), (calling.errors, called.errors), strict=True):
            assert (figures.created, figures.successful, figures.failed) == (2, 2, 0), errors()


def test_a_phone_that_would_answer_can_be_cancelled() -> None:
    with (
        sipp("phone_answers", ring_ms=5000) as called,
        sipp("caller_gives_up", to=f"{HOST}:{called.port}", ring_ms=50) as calling,
    ):
        assert [figures.successful for figures in both(calling, called)] == [1, 1], called.errors()


def test_a_refusal_that_is_not_the_expected_one_is_a_failure() -> None:
    with (
        sipp("phone_refuses", status=603) as called,
        sipp("caller_refused", to=f"{HOST}:{called.port}", status=486) as calling,
    ):
        assert calling.wait().failed == 1


def test_a_silent_phone_keeps_its_caller_waiting_and_both_have_an_end() -> None:
    with (
        sipp("phone_silent", ring_ms=100) as called,
        sipp("caller", to=f"{HOST}:{called.port}", within=2) as calling,
    ):
        assert calling.wait().successful == 0


def test_setup_times_are_measured() -> None:
    with (
        sipp("phone_answers", calls=5) as called,
        sipp("caller", to=f"{HOST}:{called.port}", calls=5, talk_ms=10) as calling,
    ):
        figures = calling.wait()
    assert len(figures.setup_ms) == 5
    assert figures.percentile(0.5) < 1000
    assert math.isnan(Figures(0, 0, 0, 0).percentile(0.5))

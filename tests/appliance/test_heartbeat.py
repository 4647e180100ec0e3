"""Who has fallen silent is found, and nobody is blamed for the lateness of the one who looks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.heartbeat import LATE, LOOK_EVERY, SILENCE, Vigil, dismissed, heard, look

NAMES = ("router", "shell", "web")


def watched(now: float = 0.0) -> Vigil:
    """All of them heard just now, by one who looks in time."""
    vigil, _ = look(Vigil(), now)
    for name in NAMES:
        vigil = heard(vigil, name, now)
    return vigil


def looks(vigil: Vigil, start: float, until: float) -> tuple[Vigil, dict[str, float]]:
    """Look in time from `start` on; who was found stalled when."""
    found: dict[str, float] = {}
    now = start
    while now <= until:
        vigil, stalled = look(vigil, now)
        found |= dict.fromkeys(stalled, now)
        now += LOOK_EVERY
    return vigil, found


def test_a_service_that_falls_silent_is_found_after_five_seconds_and_once() -> None:
    vigil, found = looks(watched(), LOOK_EVERY, 20)
    assert set(found) == set(NAMES)
    assert all(SILENCE <= at <= SILENCE + LOOK_EVERY for at in found.values())
    assert vigil.heard == {}


def test_a_service_that_is_not_ready_is_not_watched() -> None:
    vigil, found = looks(dismissed(watched(), "web"), LOOK_EVERY, 20)
    assert set(found) == {"router", "shell"}
    assert looks(heard(vigil, "web", 20.5), 20.5, 40)[1].keys() == {"web"}


def test_after_a_suspension_everybody_has_a_fresh_period() -> None:
    vigil, stalled = look(watched(), 3600.0)
    assert stalled == ()
    _, found = looks(vigil, 3600 + LOOK_EVERY, 3620)
    assert all(at >= 3600 + SILENCE for at in found.values())
    assert set(found) == set(NAMES)


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0.01, 1.2)), min_size=1, max_size=60))
def test_who_gives_a_sign_often_enough_is_never_found(turns: list[tuple[str, float]]) -> None:
    """Signs at any moments, each service's at most four seconds apart; looks in time between them."""
    vigil, now, next_look = watched(), 0.0, LOOK_EVERY
    last = dict.fromkeys(NAMES, 0.0)
    for name, pause in turns:
        for who in NAMES:  # nobody's own gap may grow too long
            if who == name or now + pause - last[who] > SILENCE - 1:
                vigil, last[who] = heard(vigil, who, now), now
        now += pause
        while next_look <= now:
            vigil, stalled = look(vigil, next_look)
            assert stalled == ()
            next_look += LOOK_EVERY


@given(st.lists(st.floats(0.0, 20.0), max_size=40), st.sampled_from(NAMES))
def test_nobody_is_found_who_could_have_given_a_sign_less_than_five_watched_seconds_ago(
    gaps: list[float], name: str
) -> None:
    """Looks as late as they like: found is only who was silent through SILENCE seconds of looks in time."""
    vigil, now, in_time_since = heard(Vigil(), name, 0.0), 0.0, None
    for gap in gaps:
        before = now
        now += gap
        if vigil.looked is None or now - vigil.looked > LOOK_EVERY + LATE:
            in_time_since = now
        vigil, stalled = look(vigil, now)
        assert now >= before
        if stalled:
            assert in_time_since is not None
            assert now - in_time_since >= SILENCE
            vigil = heard(vigil, name, now)

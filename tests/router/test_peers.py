"""Which peers are alive, and the order in which a call tries them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import peers
from router.model import Peer
from router.peers import Outcome, PeerState, Reach

UP = PeerState(Reach.UP, since=5.0, pinged=5.0)
DOWN = PeerState(Reach.DOWN, since=5.0, pinged=5.0, lost=2)


def peer(name: str, priority: int = 1, ping_s: int = 10) -> Peer:
    return Peer(name, "192.0.2.1", priority=priority, ping_s=ping_s)


def names(found: tuple[Peer, ...]) -> list[str]:
    return [one.name for one in found]


def test_a_peer_goes_down_with_the_second_lost_ping() -> None:
    once = peers.after_ping(UP, False, 20.0)
    assert once.reach is Reach.UP
    assert peers.after_ping(once, False, 21.0) == PeerState(Reach.DOWN, since=21.0, pinged=21.0, lost=2)


def test_an_answer_between_two_lost_pings_keeps_it_up() -> None:
    state = UP
    for ok in (False, True, False, True, False):
        state = peers.after_ping(state, ok, 20.0)
    assert (state.reach, state.since) == (Reach.UP, 5.0)


def test_a_call_without_any_response_takes_it_down_and_has_it_pinged_at_once() -> None:
    state = peers.after_call(UP, Outcome.SILENT, 7.0)
    assert (state.reach, state.since) == (Reach.DOWN, 7.0)
    assert peers.next_due(peer("a"), state) == 7.0


@pytest.mark.parametrize("state", [PeerState(), DOWN])
def test_the_first_answer_of_any_kind_brings_it_up(state: PeerState) -> None:
    assert peers.after_ping(state, True, 9.0) == PeerState(Reach.UP, since=9.0, pinged=9.0)
    assert peers.after_call(state, Outcome.ANSWERED, 9.0).reach is Reach.UP


@pytest.mark.parametrize("state", [PeerState(), UP, DOWN])
def test_a_call_refused_with_503_says_nothing_of_the_peer(state: PeerState) -> None:
    assert peers.after_call(state, Outcome.UNAVAILABLE, 9.0) == state


@pytest.mark.parametrize(
    ("status", "alive"), [(200, True), (404, True), (405, True), (500, True), (503, False), (None, False)]
)
def test_any_answer_but_503_is_that_of_a_living_peer(status: int | None, alive: bool) -> None:
    assert peers.alive(status) is alive


def test_calls_try_peers_by_priority_then_by_what_is_known_and_the_dead_last() -> None:
    offered = [
        peer("dead first choice", 1),
        peer("backup", 3),
        peer("unknown", 2),
        peer("known", 2),
        peer("dead backup", 3),
    ]
    states = {"dead first choice": DOWN, "dead backup": DOWN, "known": UP, "backup": UP}
    assert names(peers.candidates(offered, states, 6.0)) == [
        "known",
        "unknown",
        "backup",
        "dead first choice",
        "dead backup",
    ]


def test_equals_are_tried_as_configured() -> None:
    assert names(peers.candidates([peer("b"), peer("a")], {}, 0.0)) == ["b", "a"]


def test_a_dead_peer_that_is_never_pinged_is_tried_again_after_a_rest() -> None:
    offered = [peer("silent", 1, ping_s=0), peer("other", 2)]
    states = {"silent": DOWN}
    assert names(peers.candidates(offered, states, 5.0 + peers.REST - 1)) == ["other", "silent"]
    assert names(peers.candidates(offered, states, 5.0 + peers.REST)) == ["silent", "other"]


@pytest.mark.parametrize(
    ("state", "due"),
    [
        (PeerState(), 0.0),
        (UP, 15.0),
        (DOWN, 15.0),
        (peers.after_ping(UP, False, 20.0), 20.0),
    ],
    ids=["at once in the beginning", "regularly", "regularly when down", "at once after a loss"],
)
def test_when_the_next_ping_is_due(state: PeerState, due: float) -> None:
    assert peers.next_due(peer("a"), state) == due


def test_a_peer_with_pings_off_is_never_pinged() -> None:
    assert peers.next_due(peer("a", ping_s=0), DOWN) is None


def test_a_registration_is_renewed_well_before_its_end() -> None:
    assert peers.refresh_after(3600) == 2880


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_tries_grow_apart_within_bounds(failures: int, jitter: float) -> None:
    wait = peers.retry_after(failures, jitter)
    assert peers.SHORTEST_RETRY <= wait <= peers.LONGEST_RETRY
    assert peers.retry_after(failures + 1, jitter) >= wait


happenings = st.lists(st.sampled_from(["ok", "lost", *Outcome]), max_size=30)


@given(happenings)
def test_a_peer_is_down_exactly_after_two_lost_pings_or_a_silent_call(happened: list[str | Outcome]) -> None:
    state, lost, expected = PeerState(), 0, Reach.UNKNOWN
    for at, what in enumerate(happened, start=1):
        before = state
        if isinstance(what, Outcome):
            state = peers.after_call(state, what, at)
        else:
            state = peers.after_ping(state, what == "ok", at)
        if what in ("ok", Outcome.ANSWERED):
            lost, expected = 0, Reach.UP
        elif what == "lost":
            lost += 1
            expected = Reach.DOWN if lost >= 2 else expected
        elif what is Outcome.SILENT:
            expected = Reach.DOWN
        assert state.reach is expected
        assert state.since == (before.since if state.reach is before.reach else at)


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from([PeerState(), UP, DOWN])), max_size=8))
def test_no_peer_is_lost_and_none_that_is_dead_comes_before_one_that_may_live(
    drawn: list[tuple[int, PeerState]],
) -> None:
    offered = [peer(str(number), priority) for number, (priority, _) in enumerate(drawn)]
    states = {str(number): state for number, (_, state) in enumerate(drawn)}
    order = peers.candidates(offered, states, 6.0)
    assert sorted(names(order)) == sorted(names(tuple(offered)))
    dead = [states[one.name].reach is Reach.DOWN for one in order]
    assert dead == sorted(dead)

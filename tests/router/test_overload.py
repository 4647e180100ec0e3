"""More calls than can be carried: in a seeded model of the router, what is taken is carried in time."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.overload import (
    BURST_S,
    HIGH_S,
    LEAST,
    LOW_S,
    OVER_AFTER_S,
    PERSISTS_S,
    RETRY_AFTER_S,
    RETRY_SPREAD_S,
    Overload,
)

MESSAGE_S = 0.0006
"""What a message costs in the model; an INVITE three times that, a refusal and its ACK a third each."""
REFUSAL_S = 0.0002
SETUP = (0.001, 0.003, 1.0, 1.002, 1.003, 1.004, 1.005)
"""When the messages of a call come after its INVITE: the phone rings for a second."""
END = (0.0, 0.001, 0.002, 0.003)
CALL_S = (3 + len(SETUP) + len(END)) * MESSAGE_S
CAPACITY = 1 / CALL_S
AT_ONCE = 64


@dataclass(slots=True)
class Router:
    """One loop that takes up to AT_ONCE messages a turn from a queue without end."""

    overload: Overload
    seed: int
    known_age: bool = True
    now: float = 0.0
    queue: deque[tuple[float, str]] = field(default_factory=deque)
    to_come: list[tuple[float, int, str]] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    taken: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)

    def offer(self, rate: float, start: float, seconds: float) -> None:
        """Calls at random moments, `rate` a second."""
        chance, at = random.Random(self.seed), start
        while (at := at + chance.expovariate(rate)) < start + seconds:
            self.comes(at, "INVITE")

    def comes(self, at: float, what: str) -> None:
        heapq.heappush(self.to_come, (at, next(self.numbers), what))

    def run(self, until: float) -> None:
        while self.now < until:
            self.arrive()
            if not self.queue:
                self.now = min(until, self.to_come[0][0] if self.to_come else until, self.now + 0.05)
                self.overload.turn(self.now, 0.0, 0)
                continue
            began, batch = self.now, min(len(self.queue), AT_ONCE)
            if self.known_age:
                self.overload.turn(self.now, self.now - self.queue[0][0], batch)
            for _ in range(batch):
                self.handle(*self.queue.popleft())
            if not self.known_age:
                self.arrive()
                self.overload.turn(self.now, (self.now - began) * max(1.0, len(self.queue) / batch), batch)

    def arrive(self) -> None:
        while self.to_come and self.to_come[0][0] <= self.now:
            at, _, what = heapq.heappop(self.to_come)
            self.queue.append((at, what))

    def handle(self, came: float, what: str) -> None:
        self.waits.append((self.now, self.now - came))
        if what != "INVITE":
            self.now += REFUSAL_S if what == "ACK of a refusal" else MESSAGE_S
        elif self.overload.admits():
            self.taken.append(self.now)
            self.now += 3 * MESSAGE_S
            for after in SETUP:
                self.comes(self.now + after, "of a call")
            ends = self.now + 2 + 6 * random.Random(len(self.taken)).random()
            for after in END:
                self.comes(ends + after, "of a call")
        else:
            self.refused.append(self.now)
            self.now += REFUSAL_S
            self.comes(self.now + 0.001, "ACK of a refusal")

    def longest_wait(self, since: float = 0.0) -> float:
        return max((wait for at, wait in self.waits if at >= since), default=0.0)


def limited(overload: Overload) -> bool:
    return overload.limit is not None


def between(moments: list[float], start: float, end: float) -> int:
    return sum(start <= at < end for at in moments)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("times", "longest"), [(1.5, 0.1), (2.0, 0.1), (3.0, 0.2)])
def test_what_is_taken_is_what_can_be_carried_and_nobody_waits_long(
    times: float, longest: float, seed: int
) -> None:
    router = Router(Overload(), seed)
    router.offer(times * CAPACITY, 0, 40)
    router.run(40)
    refusals = (times - 1) * CAPACITY * 2 * REFUSAL_S  # the part of the time that goes into them
    assert between(router.taken, 15, 40) / 25 > 0.85 * (1 - refusals) * CAPACITY
    assert router.longest_wait() <= longest
    assert router.overload.episodes == 1


@pytest.mark.parametrize("seed", range(3))
def test_it_is_back_to_normal_within_five_seconds_of_the_end(seed: int) -> None:
    router = Router(Overload(), seed)
    router.offer(2 * CAPACITY, 0, 20)
    router.offer(0.6 * CAPACITY, 20, 20)
    router.run(20)
    assert limited(router.overload)
    router.run(25)
    assert not limited(router.overload)
    router.run(40)
    assert between(router.refused, 25, 40) == 0
    assert router.longest_wait(since=25) < HIGH_S


@pytest.mark.parametrize("seed", range(3))
def test_below_what_can_be_carried_nobody_is_refused(seed: int) -> None:
    router = Router(Overload(), seed)
    router.offer(0.7 * CAPACITY, 0, 40)
    router.run(40)
    assert router.refused == []
    assert router.overload.episodes == 0


def test_without_it_the_queue_grows_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Overload, "admits", lambda _: True)
    router = Router(Overload(), 1)
    router.offer(2 * CAPACITY, 0, 20)
    router.run(20)
    assert router.longest_wait() > 1.0


@pytest.mark.parametrize("seed", range(3))
def test_the_length_of_turns_will_do_where_the_age_of_messages_is_not_known(seed: int) -> None:
    router = Router(Overload(), seed, known_age=False)
    router.offer(2 * CAPACITY, 0, 40)
    router.offer(0.6 * CAPACITY, 40, 20)
    router.run(40)
    assert between(router.taken, 15, 40) / 25 > 0.8 * CAPACITY
    assert router.longest_wait() <= 0.1
    router.run(60)
    assert between(router.refused, 45, 60) == 0


@pytest.mark.parametrize("seed", range(3))
def test_bursts_between_pauses_are_no_overload(seed: int) -> None:
    router = Router(Overload(), seed, known_age=False)
    for burst in range(100):
        router.offer(60, burst * 0.4, 0.1)
        router.seed += 10
    router.run(45)
    assert router.refused == []


# Step by step


def refusing() -> Overload:
    overload = Overload()
    overload.turn(1.0, 0.0, 1)
    for _ in range(200):
        assert overload.admits()
    overload.turn(1.0, HIGH_S, 1)
    overload.turn(1.0 + PERSISTS_S, HIGH_S, 1)
    assert not overload.admits()
    return overload


def test_one_long_turn_is_no_overload() -> None:
    overload = Overload()
    overload.turn(1.0, 0.5, 3)
    assert overload.admits()
    overload.turn(1.01, 0.001, 1)
    overload.turn(1.5, 0.5, 3)
    assert overload.admits()
    assert overload.episodes == 0


def test_it_takes_none_until_the_queue_is_short_and_then_a_limited_number() -> None:
    overload = refusing()
    overload.turn(1.1, (HIGH_S + LOW_S) / 2, 1)
    assert not overload.admits()
    overload.turn(3.0, LOW_S, 1)
    taken = sum(overload.admits() for _ in range(300))
    assert LEAST <= taken <= LEAST + 2 * BURST_S * 200
    assert limited(overload)
    overload.turn(3.0 + OVER_AFTER_S, 0.0, 0)
    assert not limited(overload)
    assert all(overload.admits() for _ in range(100))
    assert overload.facts()["refused_overload"] == 2 + 300 - taken
    assert overload.facts()["overloads"] == 1


def test_few_calls_are_taken_however_long_messages_wait() -> None:
    """Then it is not the calls that hold the machine up, and an office must be able to call."""
    overload = Overload()
    now = 1.0
    for _ in range(100):
        now += 0.1
        overload.turn(now, 5 * HIGH_S, 1)
        assert overload.admits()
    assert overload.episodes == overload.refused == 0


def test_refused_callers_do_not_come_back_together() -> None:
    overload, told = refusing(), set()
    for _ in range(30):
        assert not overload.admits()
        told.add(overload.retry_after)
    assert told == set(range(RETRY_AFTER_S, RETRY_AFTER_S + RETRY_SPREAD_S))


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 2.0), st.integers(0, 500)), max_size=60))
def test_calls_are_refused_only_in_an_overload_and_always_taken_after_a_short_wait(
    turns: list[tuple[float, float, int]],
) -> None:
    overload, now = Overload(), 0.0
    for after, lag, backlog in turns:
        now += after
        overload.turn(now, lag, backlog)
        if not overload.admits():
            assert overload.since is not None
            assert 1 <= overload.retry_after <= 60
    overload.turn(now + 1, 0.0, 0)
    assert overload.admits()
    overload.turn(now + 1 + 2 * OVER_AFTER_S, 0.0, 0)
    assert not limited(overload)

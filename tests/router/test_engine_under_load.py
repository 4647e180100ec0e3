"""Many calls at once, on a SIP side that does anything at any time: nothing is exceeded, nothing is left."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from router.model import Group, Strategy
from router.ports import LegId
from tests.fakes.signalling import FakeSignalling
from tests.router.house import House
from tests.router.office import AGAIN, AWAY, forwarded_to, group, overflow_to, person

OFFICES: list[Group] = [
    group(assistants=["B", "C"], ring_parallel=True, manager_timeout=10, assistant_timeout=5),
    group(AWAY, ["B", "C", "D"], manager_number="201", name="Team", strategy=Strategy.ALL_AT_ONCE),
    group(AWAY, ["B", person("E", address="")], manager_number="202", name="Again", overflow=AGAIN),
    group(AWAY, manager_number="203", name="Over", overflow=overflow_to("900")),
    group(
        person("M", forwards=forwarded_to("0791112233")),
        ["B"],
        manager_number="204",
        name="Hello",
        announcement="/var/welcome.wav",
        manager_timeout=10,
    ),
]
CONTACTS = ["sip:0797@10.0.0.9", "sip:200@10.0.0.9", "sip:x@10.0.0.9", ""]


class Chaos:
    """Plays callers and phones from a seed."""

    def __init__(self, seed: int, capacity: int) -> None:
        self.chance = random.Random(seed)
        self.house = House(*OFFICES, capacity=capacity)
        self.callers: list[LegId] = []

    def turn(self) -> None:
        house, chance = self.house, self.chance
        house.sip.run()
        match chance.randrange(10):
            case 0 | 1 if house.sip.legs_in_use < house.sip.capacity:  # else the C library answers by itself
                self.invite()
            case 2 | 3 | 4:
                self.phone()
            case 5 if self.callers:
                house.sip.hang_up(chance.choice(self.callers))
            case 6:
                house.clock.advance(chance.choice([0.05, 1, 7, 40]))
            case 7:
                house.sip.slow_to_die = chance.random() < 0.5
                house.sip.forget_all()
                house.sip.has_media_server = chance.random() < 0.8
            case 8 | 9 if self.callers:
                self.between(chance.choice(self.callers[-12:]))

    def invite(self) -> None:
        chance = self.chance
        number = chance.choice(["200", "201", "202", "203", "204", "999"])
        caller = self.house.sip.invite(
            number,
            peer=chance.choice(["", "pbx"]),
            private=chance.random() < 0.2,
            diversions=chance.choice([0, 0, 0, 4, 5]),
        )
        self.callers.append(caller)

    def between(self, caller: LegId) -> None:
        """What happens besides phones: the announcement ends, the PBX answers, the call is transferred."""
        sip, chance, leg = self.house.sip, self.chance, self.house.sip.legs[caller]
        if leg.is_over:
            return
        if leg.playing:
            sip.hears(caller, chance.choice(["", "", "no such file"]))
        elif leg.handing and chance.random() < 0.5:
            sip.takes_over(caller, chance.choice([200, 408, 603]))
        elif leg.state == "connected" and leg.peer is not None:
            asker = chance.choice([leg.peer, leg.peer, caller])
            number = chance.choice(["C", "0791112244", "nobody", "200"])
            replaces = chance.choice([None, *self.callers[-3:]])
            sip.transfers(asker, number, attended=replaces is not None, replaces=replaces)

    def phone(self) -> None:
        sip, chance = self.house.sip, self.chance
        outgoing = [leg for leg in sip.legs.values() if not leg.incoming]
        if not outgoing:
            return
        leg = chance.choice(outgoing[-12:])
        if chance.random() < 0.1:  # a message that crossed ours, for a leg in any state
            for late in (sip.listener.ringing, sip.listener.answered, sip.listener.ended):  # type: ignore[union-attr]
                if leg.is_over:
                    late(leg.id)
            return
        if leg.state == "connected":
            sip.hang_up(leg.id)
        elif not leg.is_over:
            _play(sip, leg.id, chance)


def _play(sip: FakeSignalling, leg: LegId, chance: random.Random) -> None:
    listener, found = sip.listener, sip.legs[leg]
    assert listener is not None
    match chance.randrange(3):
        case 0:
            found.state = "ringing"
            listener.ringing(leg)
        case 1:
            found.state = "answered"
            listener.answered(leg)
        case 2:
            found.state = "refused"
            status = chance.choice([302, 302, 404, 480, 486, 488, 503, 603])
            listener.refused(leg, status, "", chance.choice(CONTACTS))


@pytest.mark.parametrize("capacity", [4, 16, 64])
@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_events_leaves_one_record_a_call_and_nothing_else(seed: int, capacity: int) -> None:
    chaos = Chaos(seed, capacity)
    house = chaos.house
    for _ in range(400):
        chaos.turn()
        assert house.sip.legs_in_use <= capacity
    for caller in chaos.callers:
        house.sip.hang_up(caller)
    house.sip.run()
    house.sip.forget_all()
    assert house.is_quiet()
    assert not len(house.engine._lines), "nobody is left in a call"
    engine = house.engine
    assert len(house.records.kept) + engine.refusals_unrecorded == engine.calls_total == len(chaos.callers)
    assert all(count == 1 for count in Counter(record["id"] for record in house.records.kept).values())
    assert not [record for record in house.records.kept if record["result"] == "failed"]
    full = [record for record in house.records.kept if record["status"] == 503]
    assert len(full) <= engine.refused_busy


def test_full_house_refuses_and_then_takes_calls_again() -> None:
    house = House(OFFICES[0], capacity=16)
    taken = [house.sip.invite("200") for _ in range(9)]
    assert house.engine.refused_busy == 4
    for caller in taken:
        house.sip.hang_up(caller)
    house.sip.invite("200")
    assert house.sip.ringing_phones() == ["M", "B"]

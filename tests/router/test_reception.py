"""What the table says about a call, and how a phone is reached."""

from __future__ import annotations

import random
import time

from router import hunting
from router.lines import Lines
from router.model import Contact, Peer, VipEntry
from router.opening import opening
from router.ports import Identity, IncomingCall, LegId, Target
from router.reception import MOST_TARGETS, Reception
from tests.fakes.clock import START
from tests.router.office import group, office, person

FIRST = Peer("first", "192.0.2.1", priority=1)
SECOND = Peer("second", "192.0.2.2", 5070, "tcp", priority=2)


def test_number_is_tried_at_the_peers_in_the_order_of_their_priority() -> None:
    reception = Reception(office(group(), peers=(SECOND, FIRST)))
    assert reception.target(person("x", address="201")) == Target(
        "sip:201@192.0.2.1:5060;transport=udp",
        "first",
        (Target("sip:201@192.0.2.2:5070;transport=tcp", "second"),),
    )


def test_order_follows_the_state_of_the_peers_from_call_to_call() -> None:
    order = [FIRST, SECOND]
    reception = Reception(office(group(), peers=(FIRST, SECOND)), candidates=lambda: order)
    phone = person("x", address="201")
    for _ in range(2):
        found = reception.target(phone)
        assert isinstance(found, Target)
        assert (found.peer, found.others[0].peer) == (order[0].name, order[1].name)
        order.reverse()


def test_sip_address_at_a_peer_is_known_as_his() -> None:
    reception = Reception(office(group(), peers=(SECOND, FIRST)))
    at_peer = reception.target(person("x", address="sip:201@192.0.2.2:5070"))
    elsewhere = reception.target(person("x", address="sip:201@192.0.2.2"))
    assert isinstance(at_peer, Target)
    assert isinstance(elsewhere, Target)
    assert (at_peer.peer, elsewhere.peer) == ("second", "")


def test_addresses_of_all_the_world_do_not_fill_the_memory() -> None:
    reception = Reception(office(group()))
    for number in range(MOST_TARGETS + 10):
        reception.target(person("x", address=str(number)))
    assert len(reception._targets) <= MOST_TARGETS


def large_reception(groups: int) -> Reception:
    """Groups of 10 members and 10 VIP entries each."""
    boards = [
        group(
            person("M", number=f"5{n}"),
            [person(f"u{n}-{k}", number=f"6{n}{k}") for k in range(9)],
            name=f"G{n}",
            manager_number=f"1{n:05}",
            vip_entries=(
                *[VipEntry(f"079{n:05}{k:02}") for k in range(9)],
                VipEntry(f"04{n:05}T"),
            ),
        )
        for n in range(groups)
    ]
    contacts = tuple(Contact(f"C{n}", (f"031{n:06}",), n % 10) for n in range(groups))
    return Reception(office(*boards, contacts=contacts))


def decision(reception: Reception, groups: int) -> float:
    """Seconds of CPU for one decision, the lists that are made when first needed apart."""
    lines, chance = Lines(), random.Random(1)
    lines.take("u5-5")
    calls = [
        IncomingCall(LegId(n), Identity(f"0791{chance.randrange(10**6):06}"), f"1{n % groups:05}", "", "")
        for n in range(min(groups, 2_000))
    ]
    each = 1.0
    for _ in range(4):
        began = time.process_time()
        for call in calls:
            found = reception.group(call.dialled)
            assert found is not None
            decided = reception.call(found, call, START, lines)
            hunting.most_at_once(decided, opening(decided))
        each = min(each, (time.process_time() - began) / len(calls))
    return each


def test_decision_is_quick_however_large_the_office_is() -> None:
    """The mark is 50 µs at 10 000 groups; here with room for a machine that has other things to do."""
    small, large = decision(large_reception(10), 10), decision(large_reception(1_000), 1_000)
    assert large < 250e-6, f"{large * 1e6:.0f} µs"
    assert large < 8 * small

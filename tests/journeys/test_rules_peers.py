"""Which PBX gets a call: by priority, the next one when it is dead, the first again when it lives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys import rules
from tests.journeys.rules import Desk, Handset, Site
from tests.journeys.waiting import eventually

AT_A_PBX = {"mia": {"address": "0312220000"}}
WITHIN = 2.0
"""Seconds that a dead PBX may cost a call."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An appliance with two peers, the first of which is asked every second whether it lives."""
    folder = tmp_path_factory.mktemp("peers")
    with rules.site(folder, first="ping_s=1;priority=1", second="ping_s=0;priority=2") as one:
        yield one


def state(site: Site, name: str) -> str:
    peers: list[dict[str, Any]] = site.appliance.service("router")["facts"]["peers"]
    return next(str(peer["state"]) for peer in peers if peer["name"] == name)


def answers_pings(site: Site) -> bool:
    """The first PBX answers what it was asked; whether it is known to live."""
    for message in [*site.pbx.kept, *site.pbx.waiting(0.02)]:
        if message.method == "OPTIONS" and not message.status:
            site.pbx.respond(message, 200)
    site.pbx.kept.clear()
    return state(site, "pbx") == "up"


def taken(desk: Desk, peer: Handset) -> float:
    """A call is taken by this peer, after so many seconds."""
    began = time.monotonic()
    side = desk.calls()
    invite = peer.rings()
    waited = time.monotonic() - began
    desk.connects(side, peer, invite)
    desk.hangs_up(side, peer)
    desk.story()
    return waited


def test_a_peer_that_is_dead_costs_a_call_two_seconds_at_most_and_comes_back(desk: Desk) -> None:
    desk.opens(people=AT_A_PBX)
    first, second = desk.pbx, desk.site.deaf
    eventually(lambda: answers_pings(desk.site))
    assert taken(desk, first) < 1
    assert taken(desk, second) < WITHIN  # nobody answers on the first one now
    eventually(lambda: state(desk.site, "pbx") == "down")
    assert taken(desk, second) < 0.5
    eventually(lambda: answers_pings(desk.site))
    assert taken(desk, first) < 1


def test_a_peer_that_fails_hands_the_call_to_the_next_at_once(desk: Desk) -> None:
    desk.opens(people=AT_A_PBX)
    eventually(lambda: answers_pings(desk.site))
    side = desk.calls()
    desk.pbx.refuses(503)
    second = desk.site.deaf
    desk.connects(side, second, second.rings(within=1))
    desk.hangs_up(side, second)


def test_a_peer_that_is_busy_is_not_tried_elsewhere(desk: Desk) -> None:
    """486 is the phone's word, not the PBX's."""
    desk.opens(people=AT_A_PBX, overflow=rules.BUSY)
    eventually(lambda: answers_pings(desk.site))
    side = desk.calls()
    desk.pbx.refuses(486)
    desk.is_refused(side, 486)
    desk.site.deaf.is_left_alone(0.05)

"""Calls of assistants to their manager, and of the manager himself: rule 8."""

from __future__ import annotations

from typing import Any

import pytest

from router.model import Forward, ForwardKind, Overflow, OverflowKind, Presence
from tests.journeys.rules import OWN_NUMBER, Desk, told

AWAY: dict[str, Any] = {"presence": Presence.AWAY}
BEN = OWN_NUMBER["ben"]


def test_an_assistant_calls_an_available_manager_directly(desk: Desk) -> None:
    desk.opens("ben", "cleo", ring_parallel=True)
    side = desk.calls(number=BEN)
    desk.connects(side, desk.mia, desk.mia.rings())
    desk.hangs_up(side, desk.mia)
    assert "manager available, an assistant calls him directly: Mia rings" in desk.story()
    desk.cleo.is_left_alone(0.01)
    desk.no_notice()


@pytest.mark.parametrize("presence", [Presence.AWAY, Presence.BUSY, Presence.DND])
def test_connected_directly_an_assistant_reaches_the_manager_whatever_his_presence(
    desk: Desk, presence: Presence
) -> None:
    desk.opens("ben", "cleo", people={"mia": {"presence": presence}}, assistant_direct=True)
    side = desk.calls(number=BEN)
    desk.connects(side, desk.mia, desk.mia.rings())
    desk.hangs_up(side, desk.mia)
    assert "assistant connected directly with the manager: Mia rings" in desk.story()
    desk.no_notice()


@pytest.mark.parametrize("direct", [True, False])
def test_a_direct_call_overrides_application_forwarding(desk: Desk, *, direct: bool) -> None:
    forwarded = {"forwards": (Forward(ForwardKind.APPLICATION, "0791112233"),)}
    desk.opens("ben", people={"mia": forwarded}, assistant_direct=direct)
    side = desk.calls(number=BEN)
    desk.connects(side, desk.mia, desk.mia.rings())
    desk.hangs_up(side, desk.mia)
    desk.story()
    desk.pbx.is_left_alone(0.01)


def test_a_direct_call_is_not_redirected_after_the_manager_timeout(desk: Desk) -> None:
    desk.opens("ben", "cleo", assistant_direct=True, manager_timeout=1)
    side = desk.calls(number=BEN)
    invite = desk.mia.rings()
    desk.mia.is_left_alone(1.3)
    desk.cleo.is_left_alone(0.01)
    desk.connects(side, desk.mia, invite)
    desk.hangs_up(side, desk.mia)


@pytest.mark.parametrize(("status", "answer"), [(486, 486), (603, 603), (600, 600), (404, 480)])
def test_a_direct_call_that_is_refused_is_refused_without_overflow(
    desk: Desk, status: int, answer: int
) -> None:
    desk.opens("ben", "cleo", assistant_direct=True, overflow=Overflow(OverflowKind.NUMBER, "0791112233"))
    side = desk.calls(number=BEN)
    desk.mia.refuses(status)
    desk.is_refused(side, answer)
    desk.cleo.is_left_alone(0.05)
    desk.pbx.is_left_alone(0.01)


def test_an_assistants_call_to_a_manager_who_is_away_rings_the_others(desk: Desk) -> None:
    desk.opens("ben", "cleo", people={"mia": AWAY})
    side = desk.calls(number=BEN)
    desk.connects(side, desk.cleo, desk.cleo.rings())
    desk.hangs_up(side, desk.cleo)
    assert "assistant 1 of 2, Ben, is the caller: not rung" in desk.story()


def test_the_manager_who_dials_his_own_number_reaches_an_assistant(desk: Desk) -> None:
    desk.opens("ben")
    side = desk.calls(number=OWN_NUMBER["mia"])
    desk.connects(side, desk.ben, desk.ben.rings())
    desk.hangs_up(side, desk.ben)
    assert told(desk.story(), "the manager calls himself: assistant 1 of 1, Ben, rings")

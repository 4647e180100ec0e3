"""What `router.ports.Signalling` promises of transfers, handing over and announcements."""

from __future__ import annotations

from typing import Protocol

import pytest

from router.ports import LegId, TransferRequest
from tests.contracts.test_signalling import Ear, FakeWorld, World, bridged, rung


class TalkingWorld(World, Protocol):
    """A World whose far ends also ask for transfers, and are told of them."""

    def refers(self, leg: LegId, number: str) -> None:
        """REFER from the far end of a connected leg."""

    def accept_transfer(self, leg: LegId, status: int) -> None: ...
    def transfer_progress(self, leg: LegId, status: int) -> None: ...
    def learnt(self, leg: LegId) -> list[int]:
        """The statuses that answered the REFER of this far end, and that came in NOTIFYs since."""

    def hand_over(self, caller: LegId, agent: LegId) -> None: ...
    def pbx_answers(self, caller: LegId, status: int) -> None:
        """What the caller's side says in the end of the REFER it got; with 200 it ends both legs."""

    def announce(self, leg: LegId, *, early: bool) -> None: ...
    def announcement_ends(self, leg: LegId) -> None: ...


class TalkingEar(Ear):
    def announced(self, leg: LegId, problem: str) -> None:
        self.heard.append(("announced", leg, problem))

    def transfer_asked(self, leg: LegId, transfer: TransferRequest) -> None:
        self.heard.append(("transfer_asked", leg, transfer.number, transfer.attended))

    def handed_over(self, caller: LegId, status: int, reason: str) -> None:
        self.heard.append(("handed_over", caller, status))


class TalkingFakeWorld(FakeWorld):
    def __init__(self) -> None:
        super().__init__()
        self._ear = TalkingEar()
        self._signalling.listener = self._ear

    def refers(self, leg: LegId, number: str) -> None:
        self._signalling.transfers(leg, number)

    def accept_transfer(self, leg: LegId, status: int) -> None:
        self._signalling.accept_transfer(leg, status=status)

    def transfer_progress(self, leg: LegId, status: int) -> None:
        self._signalling.transfer_progress(leg, status)

    def learnt(self, leg: LegId) -> list[int]:
        return self._signalling.legs[leg].told

    def hand_over(self, caller: LegId, agent: LegId) -> None:
        self._signalling.hand_over(caller, agent, replaces=True)

    def pbx_answers(self, caller: LegId, status: int) -> None:
        self._signalling.takes_over(caller, status)

    def announce(self, leg: LegId, *, early: bool) -> None:
        self._signalling.announce(leg, "/welcome.wav", early=early)

    def announcement_ends(self, leg: LegId) -> None:
        self._signalling.hears(leg)


@pytest.fixture
def world() -> TalkingWorld:
    return TalkingFakeWorld()


def asked(world: TalkingWorld) -> tuple[LegId, LegId]:
    """A caller, and the phone he talks to, which has asked for a transfer."""
    caller, agent = bridged(world)
    world.refers(agent, "22")
    assert world.told() == [("transfer_asked", agent, "22", False)]
    return caller, agent


def test_transfer_that_is_refused_changes_nothing(world: TalkingWorld) -> None:
    caller, agent = asked(world)
    world.accept_transfer(agent, 403)
    assert world.learnt(agent) == [403]
    world.hangs_up(agent)
    assert world.told() == [("ended", agent)]
    assert world.legs() == 0
    world.release(caller)


def test_caller_is_moved_over_and_the_former_phone_is_released(world: TalkingWorld) -> None:
    caller, agent = asked(world)
    world.accept_transfer(agent, 202)
    new = LegId(2)
    world.dial(new, caller)
    world.rings(new)
    world.transfer_progress(agent, 180)
    world.answers(new)
    world.connect(caller, new)
    world.transfer_progress(agent, 200)
    world.release(agent)
    assert world.learnt(agent) == [202, 180, 200]
    assert world.told() == [("ringing", new), ("answered", new)]
    assert world.legs() == 2
    world.hangs_up(new)
    assert world.told() == [("ended", new)]
    assert world.legs() == 0


def test_caller_waits_when_the_one_who_asked_hangs_up(world: TalkingWorld) -> None:
    caller, agent = asked(world)
    world.accept_transfer(agent, 202)
    new = LegId(2)
    world.dial(new, caller)
    world.hangs_up(agent)
    assert world.told() == [("ended", agent)]
    assert world.legs() == 2
    world.answers(new)
    world.connect(caller, new)
    world.told()
    world.hangs_up(caller)
    assert world.told() == [("ended", caller)]
    assert world.legs() == 0


def test_after_a_transfer_that_failed_the_bridge_ends_as_before(world: TalkingWorld) -> None:
    caller, agent = asked(world)
    world.accept_transfer(agent, 202)
    world.transfer_progress(agent, 486)
    world.hangs_up(agent)
    assert world.told() == [("ended", agent)]
    assert world.legs() == 0
    world.release(caller)


def test_phone_of_one_call_goes_over_to_the_caller_of_another(world: TalkingWorld) -> None:
    caller, agent = bridged(world)
    asking, asked_back = world.invite("21", "500"), LegId(2)
    world.dial(asked_back, asking)
    world.answers(asked_back)
    world.connect(asking, asked_back)
    world.told()
    world.connect(caller, asked_back)
    world.release(agent)
    world.release(asking)
    assert world.told() == []
    assert world.legs() == 2
    world.hangs_up(asked_back)
    assert world.told() == [("ended", asked_back)]
    assert world.legs() == 0
    world.release(caller)


def test_call_that_the_pbx_takes_over_leaves_no_leg(world: TalkingWorld) -> None:
    caller, agent = bridged(world)
    world.hand_over(caller, agent)
    world.pbx_answers(caller, 200)
    assert ("handed_over", caller, 200) in world.told()
    assert world.legs() == 0


def test_call_that_the_pbx_does_not_take_over_stays_bridged(world: TalkingWorld) -> None:
    caller, agent = bridged(world)
    world.hand_over(caller, agent)
    world.pbx_answers(caller, 603)
    assert world.told() == [("handed_over", caller, 603)]
    world.hangs_up(caller)
    assert world.told() == [("ended", caller)]
    assert world.legs() == 0
    world.release(agent)


@pytest.mark.parametrize("early", [True, False])
def test_caller_who_has_heard_an_announcement_is_refused_or_ended(
    world: TalkingWorld, *, early: bool
) -> None:
    caller = world.invite("1", "500")
    world.announce(caller, early=early)
    world.announcement_ends(caller)
    assert world.told()[-1] == ("announced", caller, "")
    world.refuse(caller, 486)
    assert world.legs() == 0


def test_caller_may_hang_up_while_he_hears_an_announcement(world: TalkingWorld) -> None:
    caller = world.invite("1", "500")
    world.announce(caller, early=True)
    world.hangs_up(caller)
    assert world.told()[-1] == ("ended", caller)
    assert world.legs() == 0


def test_transfers_of_legs_that_have_gone_change_nothing(world: TalkingWorld) -> None:
    caller, agent = rung(world)
    world.hangs_up(caller)
    world.release(agent)
    world.told()
    world.accept_transfer(agent, 202)
    world.transfer_progress(agent, 200)
    world.announce(caller, early=True)
    assert world.told() == []

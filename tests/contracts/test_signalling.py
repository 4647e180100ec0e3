"""What `router.ports.Signalling` promises, kept by the fake and by our SIP stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

import pytest

from router.ports import Identity, IncomingCall, LegId, Target
from tests.fakes.signalling import FakeSignalling
from tests.sip.engine import Engine, engine
from tests.sip.peer import ANSWER, Dialog, Message, Peer, call, peer

FIRST_INCOMING = 1 << 32
Told = tuple[object, ...]


class World(Protocol):
    """The signalling under test with its callers and phones. A phone is known by the leg that dialled it."""

    def invite(self, number: str, dialled: str) -> LegId: ...
    def hangs_up(self, leg: LegId) -> None:
        """The far end of any leg."""

    def rings(self, leg: LegId) -> None: ...
    def answers(self, leg: LegId) -> None: ...
    def refuses(self, leg: LegId, status: int) -> None: ...
    def dial(self, leg: LegId, offer_of: LegId) -> None: ...
    def alert(self, leg: LegId) -> None: ...
    def refuse(self, leg: LegId, status: int) -> None: ...
    def connect(self, caller: LegId, agent: LegId) -> None: ...
    def release(self, leg: LegId) -> None: ...
    def told(self) -> list[Told]:
        """What the listener was told since the last time, once everything sent has been dealt with."""

    def legs(self) -> int:
        """Slots in use when the far ends have said all they have to say."""


class Ear:
    """A listener that notes."""

    def __init__(self) -> None:
        self.heard: list[Told] = []

    def offered(self, call: IncomingCall) -> None:
        self.heard.append(("offered", call.leg, call.caller.number, call.dialled))

    def ringing(self, leg: LegId) -> None:
        self.heard.append(("ringing", leg))

    def answered(self, leg: LegId) -> None:
        self.heard.append(("answered", leg))

    def refused(self, leg: LegId, status: int, reason: str, contact: str = "") -> None:
        self.heard.append(("refused", leg, status))

    def ended(self, leg: LegId) -> None:
        self.heard.append(("ended", leg))


class FakeWorld:
    def __init__(self) -> None:
        self._ear = Ear()
        self._signalling = FakeSignalling()
        self._signalling.listener = self._ear

    def invite(self, number: str, dialled: str) -> LegId:
        return self._signalling.invite(dialled, number)

    def hangs_up(self, leg: LegId) -> None:
        self._signalling.hang_up(leg)

    def rings(self, leg: LegId) -> None:
        self._signalling.rings(f"phone{leg}")

    def answers(self, leg: LegId) -> None:
        self._signalling.answers(f"phone{leg}")

    def refuses(self, leg: LegId, status: int) -> None:
        self._signalling.refuses(f"phone{leg}", status)

    def dial(self, leg: LegId, offer_of: LegId) -> None:
        target = Target(f"sip:phone{leg}@127.0.0.1:9")
        self._signalling.dial(leg, target, offer_of=offer_of, caller=Identity("1"))

    def alert(self, leg: LegId) -> None:
        self._signalling.alert(leg)

    def refuse(self, leg: LegId, status: int) -> None:
        self._signalling.refuse(leg, status)

    def connect(self, caller: LegId, agent: LegId) -> None:
        self._signalling.connect(caller, agent)

    def release(self, leg: LegId) -> None:
        self._signalling.release(leg)

    def told(self) -> list[Told]:
        heard, self._ear.heard = self._ear.heard, []
        return heard

    def legs(self) -> int:
        return self._signalling.legs_in_use


class SipWorld:
    """Scripted SIP endpoints round the adapter's process. A far end answers what it must, when asked."""

    def __init__(self, router: Engine, peers: ExitStack) -> None:
        self._router = router
        self._peers = peers
        self._dialogs: dict[LegId, Dialog] = {}
        self._invites: dict[LegId, Message] = {}
        self._up: set[LegId] = set()
        self._answered: set[LegId] = set()

    def invite(self, number: str, dialled: str) -> LegId:
        one = self._peers.enter_context(peer())
        dialog = call(one, self._router.port, dialled, caller=f"<sip:{number}@example.org>")
        leg = LegId(self._router.wait("offered", call_id=dialog.call_id)["leg"])
        self._router.log.append({"contract": ("offered", leg, number, dialled)})
        self._dialogs[leg] = dialog
        return leg

    def hangs_up(self, leg: LegId) -> None:
        dialog = self._dialogs[leg]
        if leg in self._up or leg in self._answered:
            dialog.request("BYE")
            dialog.peer.receive(200)
        else:
            dialog.request("CANCEL")
            dialog.acknowledge_refusal(dialog.peer.receive(487))
        self._settle()

    def rings(self, leg: LegId) -> None:
        self._phone(leg).respond(self._invites[leg], 180)

    def answers(self, leg: LegId) -> None:
        self._phone(leg).respond(self._invites[leg], 200, ANSWER)
        self._answered.add(leg)

    def refuses(self, leg: LegId, status: int) -> None:
        self._phone(leg).respond(self._invites[leg], status)
        self._phone(leg).receive("ACK")

    def dial(self, leg: LegId, offer_of: LegId) -> None:
        one = self._peers.enter_context(peer())
        self._router.do("dial", leg=leg, target=one.uri, offer_of=offer_of, number="1")
        if offer_of in self._dialogs:
            self._invites[leg] = one.receive("INVITE")
            self._dialogs[leg] = one.dialog_of(self._invites[leg])

    def alert(self, leg: LegId) -> None:
        self._router.do("alert", leg=leg)

    def refuse(self, leg: LegId, status: int) -> None:
        self._router.do("refuse", leg=leg, status=status)
        self._settle()

    def connect(self, caller: LegId, agent: LegId) -> None:
        self._router.do("connect", caller=caller, agent=agent)
        self._router.ask()
        dialog = self._dialogs[caller]
        try:
            dialog.answered(dialog.peer.receive(200, within=0.5))
        except AssertionError:
            return  # nobody is there to be connected
        self._up |= {caller, agent}

    def release(self, leg: LegId) -> None:
        self._router.do("release", leg=leg)
        self._settle()

    def told(self) -> list[Told]:
        self._settle()
        items, self._router.log[:] = list(self._router.log), []
        self._router.forget()
        return [_as_told(item) for item in items if "contract" in item or item.get("event") in _EVENTS]

    def legs(self) -> int:
        self._settle()
        return int(self._router.ask()["legs_in_use"])

    def _phone(self, leg: LegId) -> Peer:
        return self._dialogs[leg].peer

    def _settle(self) -> None:
        """Every far end answers the requests and final responses that wait for it."""
        for _ in range(3):
            self._router.ask()
            for leg, dialog in self._dialogs.items():
                for message in dialog.peer.waiting():
                    self._answer(leg, dialog, message)

    def _answer(self, leg: LegId, dialog: Dialog, message: Message) -> None:
        if message.method == "CANCEL" and not message.status:
            dialog.peer.respond(message, 200)
            dialog.peer.respond(self._invites[leg], 487)
        elif message.method == "BYE" and not message.status:
            dialog.peer.respond(message, 200)
        elif message.status >= 300 and message.method == "INVITE":
            dialog.acknowledge_refusal(message)


_EVENTS = ("ringing", "answered", "refused", "ended")


def _as_told(item: dict[str, object]) -> Told:
    if "contract" in item:
        contract = item["contract"]
        assert isinstance(contract, tuple)
        return contract
    extra = (item["status"],) if item["event"] == "refused" else ()
    return (item["event"], item["leg"], *extra)


@contextmanager
def real_world() -> Iterator[SipWorld]:
    with engine() as router, ExitStack() as peers:
        yield SipWorld(router, peers)


@pytest.fixture(params=["fake", "sip"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld()
    else:
        with real_world() as one:
            yield one


def rung(world: World) -> tuple[LegId, LegId]:
    """A caller, and a phone that rings for him."""
    caller, agent = world.invite("0441112233", "500"), LegId(1)
    world.dial(agent, caller)
    world.rings(agent)
    world.alert(caller)
    assert world.told() == [("offered", caller, "0441112233", "500"), ("ringing", agent)]
    return caller, agent


def bridged(world: World) -> tuple[LegId, LegId]:
    caller, agent = rung(world)
    world.answers(agent)
    assert world.told() == [("answered", agent)]
    world.connect(caller, agent)
    assert world.told() == []
    return caller, agent


def test_incoming_legs_are_counted_apart_from_dialled_ones(world: World) -> None:
    first, second = world.invite("1", "500"), world.invite("2", "500")
    assert FIRST_INCOMING <= first < second
    assert world.legs() == 2


def test_a_bridge_ends_when_the_caller_hangs_up(world: World) -> None:
    caller, _ = bridged(world)
    world.hangs_up(caller)
    assert world.told() == [("ended", caller)]
    assert world.legs() == 0


def test_a_bridge_ends_when_the_phone_hangs_up(world: World) -> None:
    _, agent = bridged(world)
    world.hangs_up(agent)
    assert world.told() == [("ended", agent)]
    assert world.legs() == 0


def test_a_caller_who_gives_up_is_reported_and_his_phones_go_on_until_released(world: World) -> None:
    caller, agent = rung(world)
    world.hangs_up(caller)
    assert world.told() == [("ended", caller)]
    assert world.legs() == 1
    world.release(agent)
    assert world.told() == []
    assert world.legs() == 0


def test_a_refused_caller_is_not_reported(world: World) -> None:
    caller = world.invite("1", "500")
    world.told()
    world.refuse(caller, 404)
    assert world.told() == []
    assert world.legs() == 0


@pytest.mark.parametrize("status", [302, 486, 603])
def test_a_phone_that_refuses_is_reported_with_its_status(world: World, status: int) -> None:
    _, agent = rung(world)
    world.refuses(agent, status)
    assert world.told() == [("refused", agent, status)]
    assert world.legs() == 1


def test_a_released_phone_is_not_reported(world: World) -> None:
    _, agent = rung(world)
    world.release(agent)
    assert world.told() == []
    assert world.legs() == 1


def test_a_phone_released_after_its_answer_is_not_reported(world: World) -> None:
    _, agent = rung(world)
    world.answers(agent)
    world.told()
    world.release(agent)
    assert world.told() == []
    assert world.legs() == 1


def test_a_released_bridge_is_not_reported(world: World) -> None:
    caller, agent = bridged(world)
    world.release(agent)
    world.release(caller)
    assert world.told() == []
    assert world.legs() == 0


def test_commands_to_legs_that_have_gone_change_nothing(world: World) -> None:
    caller, agent = bridged(world)
    world.hangs_up(caller)
    world.told()
    world.alert(caller)
    world.refuse(caller, 486)
    world.connect(caller, agent)
    world.release(agent)
    world.release(caller)
    assert world.told() == []
    assert world.legs() == 0


def test_two_phones_ring_and_the_one_that_answers_is_connected(world: World) -> None:
    caller, first = rung(world)
    second = LegId(2)
    world.dial(second, caller)
    world.rings(second)
    world.answers(second)
    assert world.told() == [("ringing", second), ("answered", second)]
    world.release(first)
    world.connect(caller, second)
    assert world.told() == []
    assert world.legs() == 2
    world.hangs_up(second)
    assert world.told() == [("ended", second)]

"""Transfers of an answered call by the one who has it, blind and attended.

Spec: call flow, rule 7: to any member of the group, whatever his presence, and to any number.
"""

from __future__ import annotations

from dataclasses import replace

from router import hunting, moves, numbers
from router.call import Call, Phone, Role, Why
from router.commands import (
    AcceptTransfer,
    Adopt,
    Command,
    Connect,
    Explain,
    HangUp,
    LetGo,
    Record,
    Ring,
    StopRinging,
    TransferProgress,
)
from router.events import Consulted, Leg, TimerKind, TransferAsked
from router.facts import (
    JoinedElsewhere,
    TransferBegins,
    TransferDone,
    TransferFailed,
    TransferLeft,
    TransferRefused,
)
from router.media import Plan
from router.model import Person
from router.ports import Media, TransferRequest
from router.state import Flow, Rung, Stage, Transfer, Turn
from router.words import name

WAIT = 60
"""Seconds that the new phone rings: the subscription of a REFER lives as long in common phones."""


def asked(flow: Flow, event: TransferAsked) -> Turn:
    """Ring the phone that the call shall go to; its caller stays with the one who asks until it answers."""
    at, leg, request, talking = event.at, event.leg, event.request, flow.talking
    if leg is None:
        because = "a caller may not make the router call others"
        return flow, _turned_down(at, None, TransferRefused("the caller", 403, because))
    if talking is None or talking.leg != leg:
        return flow, (AcceptTransfer(leg, 481),)
    by = name(talking.phone)
    if flow.transfer is not None or flow.handing:
        because = "another transfer is under way" if flow.transfer else "the PBX is taking the call over"
        return flow, _turned_down(at, leg, TransferRefused(by, 491, because))
    if event.consulted is not None:
        return _joined(flow, talking, event.consulted, at)
    phone = destination(flow.call, request)
    if phone is None:
        wanted = numbers.tidy(request.number or request.uri) or "nobody"
        because = f"{wanted} is neither a member of the group nor a number"
        return flow, _turned_down(at, leg, TransferRefused(by, 404, because))
    rung = Rung(Leg(flow.legs + 1), phone, Why.TRANSFER, at)
    flow = flow.but(rung=(rung,), legs=flow.legs + 1, transfer=Transfer(talking))
    flow, timer = moves.side_timer(flow, TimerKind.TRANSFER, WAIT)
    said = Explain(at, TransferBegins(by, phone, request.attended))
    # A call that is up stays with the media it has: the SIP side cannot move it to the media server.
    return flow, (AcceptTransfer(leg, 202), said, Ring(rung.leg, phone, Plan(flow.media)), *timer)


def _joined(flow: Flow, by: Rung, consulted: Consulted, at: float) -> Turn:
    """The phone that was asked before has its call up here: nobody rings, the caller moves over to it."""
    if consulted.media is Media.CONFERENCE and flow.media is Media.DIRECT:
        because = "only the call to the phone that was asked goes through the media server"
        return flow, _turned_down(at, by.leg, TransferRefused(name(by.phone), 488, because))
    rung = Rung(Leg(flow.legs + 1), consulted.phone, Why.TRANSFER, at)
    said = Explain(at, TransferBegins(name(by.phone), consulted.phone, attended=True, joins=True))
    begun = flow.but(rung=(rung,), legs=flow.legs + 1, transfer=Transfer(by))
    after, rest = done(begun, Transfer(by), rung, at, joined=True)
    return after, (AcceptTransfer(by.leg, 202), said, Adopt(rung.leg), *rest)


def given_away(flow: Flow, at: float) -> Turn:
    """The phone of this call goes on with another caller: it was this one who has joined the two."""
    since = at if flow.answered is None else flow.answered
    said = Explain(at, JoinedElsewhere(at - since))
    record = Record(at, flow.result, 200, flow.agent, flow.answered)
    ended = flow.but(stage=Stage.ENDED, rung=(), talking=None, transfer=None)
    return ended, (HangUp(None), said, record)


def rings(flow: Flow, transfer: Transfer) -> Turn:
    return flow, () if transfer.left else (TransferProgress(transfer.by.leg, 180),)


def done(flow: Flow, transfer: Transfer, rung: Rung, at: float, *, joined: bool = False) -> Turn:
    """The new phone has answered: the caller moves over, and the one who asked is let go."""
    flow, stop = moves.no_side_timer(flow)
    commands: list[Command] = [Connect(rung.leg, name(rung.phone))]
    if not transfer.left:
        commands += [TransferProgress(transfer.by.leg, 200), LetGo(transfer.by.leg)]
    said = Explain(at, TransferDone(rung.phone, at - rung.since, joined=joined))
    return flow.but(talking=rung, rung=(), transfer=None, agent=_agent(flow, rung)), (*commands, *stop, said)


def failed(flow: Flow, transfer: Transfer, at: float, status: int, reason: str = "") -> Turn:
    """The new phone does not take it: the call stays where it is, or ends when nobody is there any more.

    `status` 0: not answered in time.
    """
    (rung,) = flow.rung
    flow, stop = moves.no_side_timer(flow)
    flow = flow.but(rung=(), transfer=None)
    stays = "" if transfer.left else name(transfer.by.phone)
    said = Explain(at, TransferFailed(rung.phone, at - rung.since, status, reason, stays))
    if not transfer.left:
        return flow, (*stop, TransferProgress(transfer.by.leg, status or 408), said)
    record = Record(at, flow.result, 200, flow.agent, flow.answered)
    return flow.but(stage=Stage.ENDED), (*stop, said, HangUp(None), record)


def rang_out(flow: Flow, transfer: Transfer, at: float) -> Turn:
    (rung,) = flow.rung
    flow, rest = failed(flow.but(side_timer=None), transfer, at, 0)
    return flow, (StopRinging(rung.leg), *rest)


def left(flow: Flow, transfer: Transfer, at: float) -> Turn:
    """The one who asked hangs up, as is usual after a blind transfer."""
    flow = flow.but(talking=None, transfer=replace(transfer, left=True))
    return flow, (Explain(at, TransferLeft(name(transfer.by.phone))),)


def called_off(flow: Flow) -> tuple[Command, ...]:
    """What ends a transfer whose call ends."""
    if flow.transfer is None:
        return ()
    stop: tuple[Command, ...] = tuple([StopRinging(rung.leg) for rung in flow.rung])
    # 487 Request Terminated: what was asked for is not wanted any more (RFC 3261 section 21.4.25).
    return stop if flow.transfer.left else (*stop, TransferProgress(flow.transfer.by.leg, 487))


def destination(call: Call, request: TransferRequest) -> Phone | None:
    """A member of the group, by number, user or address, or else a number; None when it is neither.

    The manager number means the manager: it is what assistants know him by.
    """
    group, number = call.group, numbers.normalise(request.number)
    manager = [Phone(Role.MANAGER, group.manager)] if group.manager else []
    for phone in [*manager, *hunting.assistants(group)]:
        if phone.person.address and _means(phone.person, number, request.uri):
            return phone
    if manager and number and number == numbers.normalise(group.manager_number):
        return manager[0]
    if numbers.is_number(number):
        dialled = numbers.clean(request.number)
        return Phone(Role.TRANSFERRED, Person(user="", name=dialled, address=dialled))
    return None


def _agent(flow: Flow, rung: Rung) -> str | None:
    """A number that takes the call is nobody of the group."""
    return rung.phone.person.user or flow.agent


def _means(person: Person, number: str, uri: str) -> bool:
    known = (person.user, person.number, person.address)
    return (bool(number) and number in [numbers.normalise(one) for one in known]) or uri == person.address


def _turned_down(at: float, leg: Leg | None, fact: TransferRefused) -> tuple[Command, ...]:
    return AcceptTransfer(leg, fact.status), Explain(at, fact)

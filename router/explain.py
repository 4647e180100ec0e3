"""A call's facts in words an admin understands.

Spec: call flow, rule 10.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import assert_never

from router import numbers
from router.facts import (
    CallerHungUp,
    CallerRefused,
    Came,
    Fact,
    GoesOn,
    NextRound,
    NobodyToHunt,
    Outcome,
    Rings,
    Skipped,
    Stopped,
    TalkEnded,
    TimeIsOver,
)
from router.hunting import Call, Phone, Role
from router.vip import Vip

_SIP_PHRASES = {
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}


def sentence(fact: Fact) -> str:
    """One fact, without its time and without a full stop."""
    match fact:
        case Came(call):
            return _came(call)
        case Rings(phone, why):
            return f"{why.value}: {_who(phone)} rings"
        case Stopped():
            return _stopped(fact)
        case Skipped(phone, skip):
            return f"{_who(phone)} {skip.value}: not rung"
        case NobodyToHunt(why):
            return f"{why.value}: no assistant is available"
        case GoesOn(phone, why):
            return f"{why.value}: {_who(phone)} rings on"
        case NextRound(number, of):
            return f"end of the list, no overflow set: round {number} of {of}"
        case _:
            return _ending(fact)


def _ending(fact: TimeIsOver | CallerRefused | CallerHungUp | TalkEnded) -> str:
    match fact:
        case TimeIsOver(seconds):
            return f"nobody answered within {seconds} s"
        case CallerRefused(status, because):
            return f"{because}: the caller gets {phrase(status)}"
        case CallerHungUp(seconds):
            return f"the caller hung up after {duration(seconds)}"
        case TalkEnded(seconds, ""):
            return f"connected for {duration(seconds)} without an end: ended as forgotten"
        case TalkEnded(seconds, by):
            return f"connected for {duration(seconds)}, then {by} hung up"
        case _:
            assert_never(fact)


def phrase(status: int) -> str:
    """A SIP status with its reason phrase (RFC 3261 section 21), such as `486 Busy Here`."""
    known = _SIP_PHRASES.get(status)
    if known is None and status in HTTPStatus._value2member_map_:
        known = HTTPStatus(status).phrase
    return f"{status} {known}" if known else str(status)


def duration(seconds: float) -> str:
    """`20 s`, `4.2 s`, `12 min 5 s`: as exact as it matters."""
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    if whole <= 180:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "min"), (left, "s"))
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount)


def caller(call: Call) -> str:
    """`Dr. Frei (0791234567)`, or what is known of it."""
    if not call.number:
        return call.name or "an unknown caller"
    return f"{call.name} ({call.number})" if call.name else call.number


def _came(call: Call) -> str:
    dialled = f"{call.dialled} ({call.group.name})" if call.dialled else call.group.name
    vip = f"; {_vip(call.vip)}" if call.vip is not None else ""
    return f"{caller(call)} calls {dialled}{vip}"


def _vip(vip: Vip) -> str:
    if vip.entry is None:
        return f"VIP: contact of rank {vip.rank}, threshold {vip.threshold}"
    description = f", {vip.entry.description}" if vip.entry.description else ""
    return f"VIP: on the manager's list ({vip.entry.pattern}{description})"


def _who(phone: Phone) -> str:
    name = phone.person.name or phone.person.user
    match phone.role:
        case Role.MANAGER:
            return name
        case Role.ASSISTANT:
            return f"assistant {phone.place} of {phone.of}, {name},"
        case Role.OVERFLOW:
            return f"overflow number {name}"


def _stopped(fact: Stopped) -> str:
    before, time = f"{fact.why.value}: {_who(fact.phone)}", duration(fact.seconds)
    match fact.outcome:
        case Outcome.NO_ANSWER:
            return f"{before} rang {time}, no answer"
        case Outcome.SILENT:
            return f"{before} gave no sign of ringing for {time}"
        case Outcome.REFUSED:
            return f"{before} {_refusal(fact)}"
        case Outcome.LOST:
            return f"{before} was lost after {time}"
        case Outcome.NOT_TRIED:
            return f"{before} cannot be rung: {fact.reason}"
        case Outcome.ANSWERED:
            return f"{before} answered after {time}"
        case Outcome.ELSEWHERE:
            return f"{before} rang {time}, another answered"
        case Outcome.CALLER_GONE:
            return f"{before} rang {time}, the caller hung up"


def _refusal(fact: Stopped) -> str:
    """What the phone's own answer means; its reason phrase comes from outside."""
    reason = numbers.tidy(fact.reason, 80)
    said = f"{fact.status} {reason}" if reason else phrase(fact.status)
    match fact.status:
        case 486 | 600:
            return f"is busy ({said})"
        case 603:
            return f"declined after {duration(fact.seconds)} ({said})"
        case 408:
            return f"gave no answer on the network for {duration(fact.seconds)} ({said})"
        case 404 | 604:
            return f"is not known where the call was sent ({said})"
        case 401 | 407:
            return f"was not rung: the other side asks for a password ({said})"
        case status if 300 <= status < 400:
            return f"is forwarded by its phone, which this version does not follow ({said})"
        case _:
            return f"could not be rung ({said})"

"""A call's facts in words an admin understands.

Spec: call flow, rule 10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from router import numbers
from router.call import Call
from router.facts import (
    AnnouncementOver,
    Announces,
    Bridged,
    CallerHungUp,
    CallerRefused,
    Came,
    Fact,
    GoesOn,
    HandingOver,
    HandOverDone,
    JoinedElsewhere,
    NextRound,
    NobodyToHunt,
    NotForwarded,
    Outcome,
    Redirected,
    Rings,
    RungAgain,
    Skipped,
    Stopped,
    TalkEnded,
    ThroughServer,
    TimeIsOver,
    TransferBegins,
    TransferDone,
    TransferFailed,
    TransferLeft,
    TransferRefused,
)
from router.model import ForwardKind, Person
from router.ports import Media
from router.vip import Vip
from router.words import caller, duration, name, phrase, who


def sentence(fact: Fact) -> str:
    """One fact, without its time and without a full stop."""
    return _WORDS[type(fact)](fact)


def _rings(fact: Rings) -> str:
    return f"{fact.why.value}: {who(fact.phone)} rings{_line(fact.phone.person)}"


def _line(person: Person) -> str:
    """What the PBX does with the call is not seen here, but may be foreseen."""
    for forward in person.forwards:
        if forward.kind is ForwardKind.LINE_UNCONDITIONAL:
            return f" (the line is forwarded to {numbers.tidy(forward.target)} by the PBX)"
    return ""


def _caller_refused(fact: CallerRefused) -> str:
    if fact.picked_up:
        return f"{fact.because}: the call, answered for the announcement, is ended"
    return f"{fact.because}: the caller gets {phrase(fact.status)}"


def _talk_ended(fact: TalkEnded) -> str:
    talked = f"connected for {duration(fact.seconds)}"
    if not fact.by:
        return f"{talked} without an end: ended as forgotten"
    if fact.asked:
        return f"{talked}, then {fact.by} hung up, or {fact.asked} took the call over as it was asked to"
    return f"{talked}, then {fact.by} hung up"


def _announces(fact: Announces) -> str:
    file = numbers.tidy(fact.file.rpartition("/")[2], 80)
    how = "before the answer" if fact.early else "after answering, since the caller's side takes none before"
    return f"announcement {file} is played {how}"


def _announcement_over(fact: AnnouncementOver) -> str:
    if fact.problem:
        return f"announcement: {numbers.tidy(fact.problem, 120)}; the call goes on"
    return f"announcement heard for {duration(fact.seconds)}" if fact.seconds else "announcement heard"


def _redirected(fact: Redirected) -> str:
    to = f" to {numbers.tidy(fact.to, 80)}" if fact.to else ""
    if fact.because:
        return f"{who(fact.phone)} forwards the call{to}, which is not followed: {fact.because}"
    return f"{who(fact.phone)} forwards the call{to}: rings there"


def _rung_again(fact: RungAgain) -> str:
    how = "without the media server" if fact.directly else "through the media server"
    return f"{fact.because}: {who(fact.phone)} is rung once more {how}"


def _transfer_begins(fact: TransferBegins) -> str:
    if fact.joins:
        return f"{fact.by} transfers the call to {name(fact.phone)}, whom he has asked before"
    after = " after asking there" if fact.attended else ""
    return f"{fact.by} transfers the call{after}: {who(fact.phone)} rings"


def _transfer_done(fact: TransferDone) -> str:
    if fact.joined:
        return f"transfer: {who(fact.phone)} has the call"
    return f"transfer: {who(fact.phone)} answered after {duration(fact.seconds)} and has the call"


def _transfer_failed(fact: TransferFailed) -> str:
    answer = phrase(fact.status, fact.reason) if fact.status else "no answer"
    end = f"the call stays with {fact.stays}" if fact.stays else "nobody is left, and the call ends"
    return f"transfer: {who(fact.phone)} did not take it after {duration(fact.seconds)} ({answer}): {end}"


_SPEECH: Mapping[Media | None, str] = {
    None: "",
    Media.DIRECT: ", speech from phone to phone",
    Media.CONFERENCE: ", speech through the media server",
}


def _came(call: Call) -> str:
    dialled = f"{call.dialled} ({call.group.name})" if call.dialled else call.group.name
    if call.vip is None:
        vip = ""
    else:  # which line of the list he is on would tell who he is
        vip = "; VIP" if call.private else f"; {_vip(call.vip)}"
    return f"{caller(call)} calls {dialled}{vip}"


def _vip(vip: Vip) -> str:
    if vip.entry is None:
        return f"VIP: contact of rank {vip.rank}, threshold {vip.threshold}"
    description = f", {vip.entry.description}" if vip.entry.description else ""
    return f"VIP: on the manager's list ({vip.entry.pattern}{description})"


def _stopped(fact: Stopped) -> str:
    before, time = f"{fact.why.value}: {who(fact.phone)}", duration(fact.seconds)
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
            return f"{before} answered after {time}{_SPEECH[fact.media]}"
        case Outcome.ELSEWHERE:
            return f"{before} rang {time}, another answered"
        case Outcome.CALLER_GONE:
            return f"{before} rang {time}, the caller hung up"


def _refusal(fact: Stopped) -> str:
    """What the phone's own answer means; its reason phrase comes from outside."""
    said = phrase(fact.status, fact.reason)
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
        case _:
            return f"could not be rung ({said})"


_WORDS: Mapping[type, Callable[[Any], str]] = {
    Came: lambda fact: _came(fact.call),
    Rings: _rings,
    Stopped: _stopped,
    Skipped: lambda fact: f"{who(fact.phone)} {fact.skip.value}: not rung",
    NobodyToHunt: lambda fact: f"{fact.why.value}: no assistant is available",
    GoesOn: lambda fact: f"{fact.why.value}: {who(fact.phone)} rings on",
    NextRound: lambda fact: f"end of the list, no overflow set: round {fact.round} of {fact.of}",
    TimeIsOver: lambda fact: f"nobody answered within {fact.seconds} s",
    CallerRefused: _caller_refused,
    CallerHungUp: lambda fact: f"the caller hung up after {duration(fact.seconds)}",
    TalkEnded: _talk_ended,
    Announces: _announces,
    AnnouncementOver: _announcement_over,
    NotForwarded: lambda fact: f"the manager's forwarding is not followed: {fact.because}",
    Redirected: _redirected,
    RungAgain: _rung_again,
    ThroughServer: lambda fact: f"{who(fact.phone)} speaks through the media server: {fact.because}",
    TransferBegins: _transfer_begins,
    TransferRefused: lambda fact: (
        f"{fact.by} asks for a transfer, which is refused: {fact.because} ({phrase(fact.status)})"
    ),
    TransferDone: _transfer_done,
    TransferFailed: _transfer_failed,
    TransferLeft: lambda fact: f"transfer: {fact.by} has hung up, and the caller waits for the other phone",
    JoinedElsewhere: lambda fact: (
        f"connected for {duration(fact.seconds)}, then joined with the call that it was about"
    ),
    HandingOver: lambda fact: f"{fact.peer} is asked to take the call over",
    HandOverDone: lambda fact: f"{fact.peer} has taken the call over; how long they talk is not known here",
    Bridged: lambda fact: f"the call stays on this router: {fact.because}",
}

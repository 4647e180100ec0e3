"""Where a call may be forwarded to: numbers that are too long or our own are not, nor a phone in a circle.

Spec: call flow, Presence and forwarding. Line forwarding is the phone's: what its 302 says is followed once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from router import numbers, targets
from router.call import Call, House, Phone
from router.model import Person

MOST_DIVERSIONS = 5
"""A call that was forwarded as often is taken for one that goes round: offices forward once or twice, and the
counter of the public network ends at five (ITU-T Q.763, redirection information)."""


@dataclass(frozen=True, slots=True)
class NotFollowed:
    """`because` goes on a sentence about the forwarding."""

    because: str


def problem(number: str, house: House) -> str:
    """Why a call is not sent on to this number; empty when it may be."""
    digits = len(numbers.clean(number).lstrip("+"))
    if digits > house.longest_forward:
        return f"{number} has {digits} digits, and {house.longest_forward} are allowed (gMaxForwardNumberLen)"
    if numbers.normalise(number) in house.own:
        return f"{number} is a manager number, so the call would come back"
    return ""


def redirected(call: Call, phone: Phone, contact: str, *, before: int) -> Phone | NotFollowed:
    """The phone that a 301 or 302 sends the call to: a number is reached through the trunk, as the line's own
    forwarding would (RFC 3261 section 21.3). `before`: forwardings since the call came."""
    uri = targets.taken_apart(contact)
    if uri is None:
        return NotFollowed("it does not say where to" if not contact else "it names no SIP address")
    person, user = phone.person, numbers.clean(uri.user)
    is_number = numbers.is_number(user)
    if call.diversions + before + 1 >= MOST_DIVERSIONS:
        return NotFollowed(f"the call was forwarded {call.diversions + before} times before")
    if is_number and (refused := problem(user, call.house)):
        return NotFollowed(refused)
    address = user if is_number else contact
    if address == person.address or (is_number and user == numbers.clean(person.number or "")):
        return NotFollowed("it forwards to itself")
    own = person.number or (person.address if numbers.is_number(person.address) else "") or call.dialled
    return replace(phone, person=_elsewhere(person, address), diverted_by=own)


def _elsewhere(person: Person, address: str) -> Person:
    return replace(person, address=address, forwards=())

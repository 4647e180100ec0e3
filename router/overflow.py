"""What happens at the end of the member list.

Spec: call flow, Groups (`overflow`) and rules 5, 6 and 9. `none` is bounded: 3 rounds, 180 s in all, then
busy.
"""

from __future__ import annotations

from dataclasses import dataclass

from router.model import Group, OverflowKind

ROUNDS = 3
LONGEST_WAIT = 180
"""Seconds a caller is kept waiting. No longer for other overflow options either: the public network gives up
then (ITU-T Q.931 timer T301, RFC 3261 section 16.6 timer C: both three minutes)."""


@dataclass(frozen=True, slots=True)
class Again:
    """Begin with the manager or the first available assistant once more."""


@dataclass(frozen=True, slots=True)
class RingNumber:
    number: str


@dataclass(frozen=True, slots=True)
class Busy:
    """The caller gets `status`; `because` is how it is explained."""

    status: int
    because: str


def at_end(group: Group, rounds: int, *, rung: bool, again: bool) -> Again | RingNumber | Busy:
    """Decide after `rounds` rounds.

    `rung`: somebody was offered the call; `again`: somebody could be, and the time is not over.

    Statuses: 486 Busy Here is the documents' "busy". 480 Temporarily Unavailable (RFC 3261 section 21.4.18)
    when there is nobody to be busy: nobody was offered the call, and the group has no other place for it.
    """
    match group.overflow.kind:
        case OverflowKind.NUMBER:
            return RingNumber(group.overflow.target)
        case OverflowKind.BUSY:
            return Busy(486, "overflow is busy")
        case OverflowKind.VOICEMAIL:
            box = group.overflow.target
            return Busy(486, f"overflow is voicemail {box}, and this version has no voicemail")
        case OverflowKind.NONE if not rung:
            return Busy(480, "nobody is available, and no overflow is set")
        case OverflowKind.NONE if again and rounds < ROUNDS:
            return Again()
        case OverflowKind.NONE:
            return Busy(486, "no overflow is set, and everybody was tried")

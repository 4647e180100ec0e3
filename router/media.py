"""Where the speech of a call goes: from phone to phone, unless something between must hear or change it."""

from __future__ import annotations

from dataclasses import dataclass

from router.model import Peer
from router.ports import NO_MEDIA_SERVER, Media

UNACCEPTABLE = frozenset({415, 488, 606})
"""What a phone says that cannot take the offer of the caller's side (RFC 3261 sections 21.4.13, 21.4.26,
21.6.4): the media server may speak its language."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`because`: why not from phone to phone, in words."""

    media: Media = Media.DIRECT
    because: str = ""


_DIRECT = Plan()


def plan(caller: Peer | None, phone: Peer | None, wanted: Plan | None = None) -> Plan:
    """The media of a leg from what is known of the two sides. `wanted`: decided by the call's course."""
    if wanted is not None:
        return wanted
    if caller is phone:
        return _DIRECT
    if _requires_srtp(caller) != _requires_srtp(phone):
        return Plan(Media.CONFERENCE, "only one side takes unencrypted speech")
    if caller is not None and phone is not None and {caller.dtmf, phone.dtmf} == {"rfc4733", "info"}:
        return Plan(Media.CONFERENCE, "the two sides send key presses in different ways")
    return _DIRECT


def second_try(status: int, reason: str, media: Media | None) -> Plan | None:
    """How to ring a phone once more that refused for its media; None when the media was not the reason.

    Without the media server an announcement or converted key presses are missed, which is less than the call.
    """
    if media is Media.DIRECT and status in UNACCEPTABLE:
        return Plan(Media.CONFERENCE, f"the phone does not take the caller's kind of speech ({status})")
    if media is Media.CONFERENCE and status == 503 and reason == NO_MEDIA_SERVER:
        return Plan(Media.DIRECT, "the media server cannot be reached")
    return None


def _requires_srtp(peer: Peer | None) -> bool:
    return peer is not None and peer.srtp == "require"

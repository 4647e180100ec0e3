"""Who asks for something, as a request says it."""

from __future__ import annotations

from typing import get_args

from appliance.control.protocol import RefusedError, Request
from db.variables.states import Actor, Channel

LONGEST = 200


def actor_of(request: Request) -> Actor:
    """Raises RefusedError for a channel that there is not."""
    channel = request.text("channel")
    known: tuple[Channel, ...] = get_args(Channel)
    found = next((each for each in known if each == channel), None)
    if found is None:
        raise RefusedError(f"there is no channel {channel[:40]!r}", f"known are {', '.join(known)}")
    address = request.args.get("address")
    return Actor(request.text("user")[:LONGEST], str(address or "")[:LONGEST], found)

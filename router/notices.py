"""What assistants are shown of a call while it rings.

Spec: call flow, rules 3 and 4, Notifications.
"""

from __future__ import annotations

from router.commands import Command, Notify, Withdraw
from router.hunting import Call
from router.model import ShowVip


def notices(call: Call, at: float, before: tuple[str, ...], after: tuple[str, ...]) -> tuple[Command, ...]:
    """The notification when it has changed who rings; withdrawn when nobody does any more."""
    if before == after or not is_shown(call):
        return ()
    if not after:
        return (Withdraw(),)
    return (Notify(at, after, anonymous=is_anonymous(call)),)


def is_shown(call: Call) -> bool:
    """`show_calls` is for all calls; `show_vip_calls` can only take VIP calls away from it."""
    if not call.group.show_calls:
        return False
    return call.vip is None or call.group.show_vip_calls is not ShowVip.NEVER


def is_anonymous(call: Call) -> bool:
    return call.vip is not None and call.group.show_vip_calls is ShowVip.ANONYMOUS

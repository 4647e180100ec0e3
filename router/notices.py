"""What assistants are shown of a call while it rings.

Spec: call flow, rules 3 and 4, Notifications.
"""

from __future__ import annotations

from router.call import Call
from router.commands import Command, Notify, NotifyAnswered, Record, Withdraw
from router.events import CallerGone, Event
from router.model import ShowVip
from router.state import Flow, Stage


def notices(before: Flow, after: Flow, event: Event) -> tuple[Command, ...]:
    """The notification when it has changed who rings; withdrawn when nobody does any more."""
    was, now = _who_rings(before), _who_rings(after)
    if was == now or not is_shown(after.call):
        return ()
    if now:
        why = after.rung[0].why.value
        return (Notify(event.at, now, why, anonymous=is_anonymous(after.call)),)
    if after.talking is not None:
        person = after.talking.phone.person
        return (NotifyAnswered(event.at, person.name, person.user),)
    return (Withdraw(event.at, _why_withdrawn(after, event)),)


def with_notices(commands: tuple[Command, ...], shown: tuple[Command, ...]) -> tuple[Command, ...]:
    """`Record` stays the last one."""
    if shown and commands and isinstance(commands[-1], Record):
        return *commands[:-1], *shown, commands[-1]
    return commands + shown


def is_shown(call: Call) -> bool:
    """`show_calls` is for all calls; `show_vip_calls` can only take VIP calls away from it."""
    if not call.group.show_calls:
        return False
    return call.vip is None or call.group.show_vip_calls is not ShowVip.NEVER


def is_anonymous(call: Call) -> bool:
    return call.private or (call.vip is not None and call.group.show_vip_calls is ShowVip.ANONYMOUS)


def _who_rings(flow: Flow) -> tuple[str, ...]:
    """Names of those whose phones ring, as assistants see them; nobody from an answer or overflow on."""
    if flow.opening.direct or not (flow.stage is Stage.MANAGER or flow.stage is Stage.HUNT):
        return ()
    return tuple([rung.phone.person.name for rung in flow.rung])


def _why_withdrawn(after: Flow, event: Event) -> str:
    if isinstance(event, CallerGone):
        return "the caller hung up"
    return "overflow" if after.stage is Stage.OVERFLOW else "nobody took the call"

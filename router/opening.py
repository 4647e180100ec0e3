"""Who is rung first for a call, and why: the manager, where his calls are forwarded to, or the assistants.

Spec: call flow, rules 3, 4, 5 and 8, and application forwarding.
"""

from __future__ import annotations

from router import numbers
from router.call import Call, Opening, Phone, Role, Why
from router.forwarding import problem
from router.model import ForwardKind, Person, Presence, VipRouting

_MANAGER_ABSENT = {Presence.AWAY: Why.AWAY, Presence.BUSY: Why.BUSY, Presence.DND: Why.DND}


def opening(call: Call) -> Opening:
    group, manager = call.group, call.group.manager
    if manager is None:
        return Opening(None, Why.TEAM)
    phone = Phone(Role.MANAGER, manager)
    if call.is_fail_safe:
        return Opening(phone, Why.FAIL_SAFE, alone=True, direct=True)
    if call.member == manager.user and call.member:
        return Opening(None, Why.CALLER)
    if call.member and group.assistant_direct:
        return Opening(phone, Why.DIRECT, alone=True, direct=True)
    if call.member and manager.presence is Presence.AVAILABLE:
        return Opening(phone, Why.ONE_BUTTON, alone=True, direct=True)
    if call.vip is not None and group.vip_routing is not VipRouting.AS_OTHERS:
        return Opening(phone, Why.VIP, alone=group.vip_routing is VipRouting.MANAGER_ONLY)
    unfollowed = ""
    if manager.forwards:
        forwarded = _forwarded(call, manager)
        if isinstance(forwarded, Opening):
            return forwarded
        unfollowed = forwarded
    if manager.presence is not Presence.AVAILABLE:
        return Opening(None, _MANAGER_ABSENT[manager.presence], unfollowed=unfollowed)
    return Opening(phone, Why.AVAILABLE, parallel=group.ring_parallel, unfollowed=unfollowed)


def _forwarded(call: Call, manager: Person) -> Opening | str:
    """Application forwarding; or why there is none that can be followed, empty when none is set."""
    target = next((one.target for one in manager.forwards if one.kind is ForwardKind.APPLICATION), "")
    if not target or target == "none":
        return ""
    if target == "group":
        return Opening(None, Why.FORWARDED_GROUP)
    kind, _, name = target.partition(":")
    if kind == "voicemail":
        box = f"voicemail {name}" if name else "voicemail"
        return Opening(
            None,
            Why.FORWARDED,
            busy=f"the manager's calls are forwarded to {box}, and this version has no voicemail",
        )
    if kind == "member":
        if any(person.user == name for person in call.group.assistants):
            return Opening(None, Why.FORWARDED, first=name)
        return f"{name} is no assistant of the group"
    number = numbers.clean(target)
    if not numbers.is_number(number):
        return f"{numbers.tidy(target)!r} is no number"
    if refused := problem(number, call.house):
        return refused
    person = Person(user="", name=number, address=number)
    return Opening(Phone(Role.FORWARDED, person, diverted_by=call.dialled), Why.FORWARDED)

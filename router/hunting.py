"""Which assistants may be rung for a call, and in which order.

Spec: call flow, Presence and forwarding, rules 4 to 6. Member-list order is hunting order.
"""

from __future__ import annotations

from router.call import Call, Opening, Phone, Role, Skip
from router.model import ForwardKind, Group, Presence, Strategy

_ABSENT = {Presence.AWAY: Skip.AWAY, Presence.BUSY: Skip.BUSY, Presence.DND: Skip.DND}


def assistants(group: Group) -> tuple[Phone, ...]:
    """All assistants, available or not, numbered in member-list order."""
    of = len(group.assistants)
    return tuple(
        [Phone(Role.ASSISTANT, person, place, of) for place, person in enumerate(group.assistants, start=1)]
    )


def absence(phone: Phone, call: Call) -> Skip | None:
    """Why an assistant may not be rung, or None."""
    person, group = phone.person, call.group
    if person.presence is not Presence.AVAILABLE:
        return _ABSENT[person.presence]
    if not person.address:
        return Skip.NO_PHONE
    if call.member and person.user == call.member:
        return Skip.CALLER
    if group.need_unforwarded and any(one.kind is ForwardKind.LINE_UNCONDITIONAL for one in person.forwards):
        return Skip.FORWARDED
    return call.unfit.get(person.user)


def available(call: Call) -> tuple[Phone, ...]:
    """The assistants who may be rung, in hunting order."""
    return tuple([phone for phone in assistants(call.group) if absence(phone, call) is None])


def waves(phones: tuple[Phone, ...], strategy: Strategy, lines: int) -> tuple[tuple[Phone, ...], ...]:
    """The phones in the groups in which they ring: one by one, or as many at once as there are lines."""
    size = 1 if strategy is Strategy.SEQUENTIAL else max(1, lines)
    return tuple([phones[start : start + size] for start in range(0, len(phones), size)])


def most_at_once(call: Call, first: Opening) -> int:
    """How many phones the rules want to ring for this call at the same time, at most; at least 1."""
    if first.alone:
        return 1
    together = 2 if first.parallel else 1
    return max(together, len(available(call)) if call.group.strategy is Strategy.ALL_AT_ONCE else 1)

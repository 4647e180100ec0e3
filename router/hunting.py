"""Which phones may be rung for a call, and in which order.

Spec: call flow, rules 3 to 6 and 8. Member-list order is hunting order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from router.model import Group, Person, Presence, Strategy, VipRouting
from router.vip import Vip


class Role(Enum):
    MANAGER = "manager"
    ASSISTANT = "assistant"
    OVERFLOW = "overflow number"


@dataclass(frozen=True, slots=True)
class Phone:
    """Somebody who may be rung. `place` of `of`: an assistant's position in the member list, from 1."""

    role: Role
    person: Person
    place: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """What is known when a call comes; it does not change while the call lasts.

    `number`: as shown. `member`: the user who calls, when he is one of the group. `lines`: how many phones
    may ring at the same time (at least 1).
    """

    group: Group
    number: str
    name: str = ""
    dialled: str = ""
    vip: Vip | None = None
    member: str = ""
    lines: int = 1000


class Why(Enum):
    """Why a phone is rung, or the manager's is not; the value is how it is said."""

    AVAILABLE = "manager available"
    PARALLEL = "together with the manager"
    VIP = "VIP call, whatever the manager's presence"
    DIRECT = "assistant connected directly with the manager"
    TEAM = "team without a manager"
    AWAY = "manager away"
    BUSY = "manager busy"
    DND = "manager does not want to be disturbed"
    CALLER = "the manager calls himself"
    NO_ANSWER = "manager did not answer"
    LINE_BUSY = "manager's line busy"
    DECLINED = "manager declined"
    NOT_REACHED = "manager not reached"
    OVERFLOW = "overflow"


class Skip(Enum):
    """Why an assistant is not rung; the value is how it is said."""

    AWAY = "is away"
    BUSY = "is busy"
    DND = "does not want to be disturbed"
    NO_PHONE = "has no phone"
    CALLER = "is the caller"


_MANAGER_ABSENT = {Presence.AWAY: Why.AWAY, Presence.BUSY: Why.BUSY, Presence.DND: Why.DND}
_ABSENT = {Presence.AWAY: Skip.AWAY, Presence.BUSY: Skip.BUSY, Presence.DND: Skip.DND}


@dataclass(frozen=True, slots=True)
class Opening:
    """Who is rung first. `manager`: None when it is not his turn, for the reason `why`.

    `alone`: no assistant is ever rung. `direct`: no rule of the group applies, overflow included.
    """

    manager: Phone | None
    why: Why
    parallel: bool = False
    alone: bool = False
    direct: bool = False


def opening(call: Call) -> Opening:
    """Rules 3, 4, 5 and 8: whether the manager rings, and with whom."""
    group, manager = call.group, call.group.manager
    if manager is None:
        return Opening(None, Why.TEAM)
    phone = Phone(Role.MANAGER, manager)
    if call.member == manager.user:
        return Opening(None, Why.CALLER)
    if group.assistant_direct and call.member:
        return Opening(phone, Why.DIRECT, alone=True, direct=True)
    if call.vip is not None and group.vip_routing is not VipRouting.AS_OTHERS:
        return Opening(phone, Why.VIP, alone=group.vip_routing is VipRouting.MANAGER_ONLY)
    if manager.presence is not Presence.AVAILABLE:
        return Opening(None, _MANAGER_ABSENT[manager.presence])
    return Opening(phone, Why.AVAILABLE, parallel=group.ring_parallel and call.lines > 1)


def assistants(group: Group) -> tuple[Phone, ...]:
    """All assistants, available or not, numbered in member-list order."""
    of = len(group.assistants)
    return tuple(
        Phone(Role.ASSISTANT, person, place, of) for place, person in enumerate(group.assistants, start=1)
    )


def absence(phone: Phone, caller: str) -> Skip | None:
    """Why an assistant may not be rung, or None. `caller`: the user who calls, empty for outsiders."""
    person = phone.person
    if person.presence is not Presence.AVAILABLE:
        return _ABSENT[person.presence]
    if not person.address:
        return Skip.NO_PHONE
    if caller and person.user == caller:
        return Skip.CALLER
    return None


def available(call: Call) -> tuple[Phone, ...]:
    """The assistants who may be rung, in hunting order."""
    return tuple(phone for phone in assistants(call.group) if absence(phone, call.member) is None)


def waves(phones: tuple[Phone, ...], strategy: Strategy, lines: int) -> tuple[tuple[Phone, ...], ...]:
    """The phones in the groups in which they ring: one by one, or as many at once as there are lines."""
    size = 1 if strategy is Strategy.SEQUENTIAL else max(1, lines)
    return tuple(phones[start : start + size] for start in range(0, len(phones), size))


def with_lines(call: Call, lines: int) -> Call:
    return replace(call, lines=lines)


def most_at_once(call: Call) -> int:
    """How many phones the rules want to ring for this call at the same time, at most; at least 1."""
    first = opening(call)
    if first.alone:
        return 1
    together = 2 if first.parallel else 1
    return max(together, len(available(call)) if call.group.strategy is Strategy.ALL_AT_ONCE else 1)

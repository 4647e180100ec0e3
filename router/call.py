"""A call as the rules see it, and the phones that may ring for it. Values only."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import field
from enum import Enum

from router.model import Group, Peer, Person
from router.values import value
from router.vip import Vip

ANONYMOUS = "anonymous"
"""In place of the number of a caller who asks for privacy (RFC 3323 section 4.1.1.3)."""


class Role(Enum):
    MANAGER = "manager"
    ASSISTANT = "assistant"
    OVERFLOW = "overflow number"
    FORWARDED = "forwarding of the manager"
    TRANSFERRED = "transfer"


@value(frozen=True, slots=True)
class Phone:
    """Somebody who may be rung. `place` of `of`: an assistant's position in the member list, from 1.

    `diverted_by`: the number that sends the call there instead of taking it, empty for none.
    """

    role: Role
    person: Person
    place: int = 0
    of: int = 0
    diverted_by: str = ""


class Why(Enum):
    """Why a phone is rung, or the manager's is not; the value is how it is said."""

    AVAILABLE = "manager available"
    PARALLEL = "together with the manager"
    VIP = "VIP call, whatever the manager's presence"
    DIRECT = "assistant connected directly with the manager"
    ONE_BUTTON = "manager available, an assistant calls him directly"
    TEAM = "team without a manager"
    AWAY = "manager away"
    BUSY = "manager busy"
    DND = "manager does not want to be disturbed"
    CALLER = "the manager calls himself"
    FORWARDED = "manager's calls are forwarded"
    FORWARDED_GROUP = "manager's calls are forwarded to the group"
    NO_ANSWER = "manager did not answer"
    LINE_BUSY = "manager's line busy"
    DECLINED = "manager declined"
    NOT_REACHED = "manager not reached"
    FORWARD_FAILED = "not taken where the manager's calls are forwarded to"
    OVERFLOW = "overflow"
    TRANSFER = "transfer"
    FAIL_SAFE = "the group's data cannot be used, so the manager's phone is rung"


class Skip(Enum):
    """Why an assistant is not rung; the value is how it is said."""

    AWAY = "is away"
    BUSY = "is busy"
    DND = "does not want to be disturbed"
    NO_PHONE = "has no phone"
    CALLER = "is the caller"
    NOT_REGISTERED = "has a phone that is not registered"
    IN_CALL = "is in a call"
    FORWARDED = "has forwarded the line"


@value(frozen=True, slots=True)
class House:
    """What holds for all calls. `own`: the manager numbers, normalised, which no call is sent on to.

    `longest_forward`: digits of a number that a call may be forwarded to. `bridges`: answered calls are never
    handed over to the PBX.
    """

    own: Container[str] = frozenset()
    longest_forward: int = 100
    bridges: bool = True


@value(frozen=True, slots=True)
class Call:
    """What is known when a call comes; it does not change while the call lasts.

    `number`: as shown. `member`: the user who calls, when he is one of the group. `private`: the caller does
    not want to be known (RFC 3323). `peer`: the PBX it came through. `early`: its side takes speech before
    the answer. `diversions`: how often it was forwarded before. `unfit`: members whose phones cannot take it.
    """

    group: Group
    number: str
    name: str = ""
    dialled: str = ""
    vip: Vip | None = None
    member: str = ""
    private: bool = False
    peer: Peer | None = None
    early: bool = True
    diversions: int = 0
    house: House = House()
    unfit: Mapping[str, Skip] = field(default_factory=dict)
    is_fail_safe: bool = False
    """The rules could not be used: the manager's phone is rung, and no other."""

    @property
    def shown_number(self) -> str:
        """For everybody but the rules."""
        return ANONYMOUS if self.private else self.number

    @property
    def shown_name(self) -> str:
        return "" if self.private else self.name


@value(frozen=True, slots=True)
class Opening:
    """Who is rung first. `manager`: his phone, or the one his calls are forwarded to; None when it is not his
    turn, for the reason `why`.

    `alone`: no assistant is ever rung. `direct`: no rule of the group applies, overflow included. `first`:
    the user of the assistant who is hunted before the others. `busy`: nobody is rung, for this reason.
    `unfollowed`: why a forwarding of the manager is not followed.
    """

    manager: Phone | None
    why: Why
    parallel: bool = False
    alone: bool = False
    direct: bool = False
    first: str = ""
    busy: str = ""
    unfollowed: str = ""

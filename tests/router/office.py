"""Offices, groups and calls in the words of the rules."""

from __future__ import annotations

from collections.abc import Sequence

from router.call import Call, House
from router.commands import (
    AcceptTransfer,
    Adopt,
    Alert,
    Announce,
    Command,
    Connect,
    Explain,
    HandOver,
    LetGo,
    Record,
    Refuse,
    Ring,
    StartTimer,
    StopRinging,
    StopTimer,
    TransferProgress,
)
from router.events import (
    Announced,
    Answered,
    CallerGone,
    CallOffered,
    Event,
    HandedOver,
    Leg,
    LegEnded,
    Refused,
    Ringing,
    TimedOut,
    TimerId,
    TransferAsked,
)
from router.explain import sentence
from router.flow import step
from router.model import (
    Forward,
    ForwardKind,
    Group,
    Overflow,
    OverflowKind,
    Peer,
    Person,
    Presence,
    RoutingTable,
)
from router.numbers import normalise
from router.ports import Media, TransferRequest
from router.state import Flow
from router.vip import Directory, Vip

AVAILABLE, AWAY, BUSY, DND = Presence.AVAILABLE, Presence.AWAY, Presence.BUSY, Presence.DND
NOBODY = None
TRUNK = Peer("pbx", "127.0.0.1", 5080)


def person(user: str, presence: Presence = AVAILABLE, **more: object) -> Person:
    """A user whose phone is reached as `sip:<user>@127.0.0.1`."""
    fields: dict[str, object] = {"address": f"sip:{user}@127.0.0.1", **more}
    return Person(user, user, presence=presence, **fields)  # type: ignore[arg-type]


def group(
    manager: Presence | Person | None = AVAILABLE,
    assistants: Sequence[str | Person] | None = None,
    **settings: object,
) -> Group:
    """A group on number 200; its manager is M, its overflow busy unless said otherwise."""
    boss = person("M", manager) if isinstance(manager, Presence) else manager
    people = tuple(one if isinstance(one, Person) else person(one) for one in assistants or [])
    fields: dict[str, object] = {
        "name": "Board",
        "manager_number": "200",
        "overflow": Overflow(OverflowKind.BUSY),
        **settings,
    }
    return Group(manager=boss, assistants=people, **fields)  # type: ignore[arg-type]


def overflow_to(number: str) -> Overflow:
    return Overflow(OverflowKind.NUMBER, number)


def forwarded_to(target: str, kind: ForwardKind = ForwardKind.APPLICATION) -> tuple[Forward, ...]:
    """The `forwards` of a person."""
    return (Forward(kind, target),)


AGAIN = Overflow(OverflowKind.NONE)


def office(*groups: Group, **more: object) -> RoutingTable:
    """`more`: other fields of the table; `contacts` may be just that."""
    contacts = Directory.of(more.pop("contacts", ())).by_number  # type: ignore[arg-type]
    fields: dict[str, object] = {"peers": (TRUNK,), "contacts": contacts, **more}
    return RoutingTable(groups={normalise(one.manager_number): one for one in groups}, **fields)  # type: ignore[arg-type]


class Script:
    """One call played to the flow. Each method answers what happened in short: `Ring B`, `stop C`, `486` …"""

    def __init__(
        self, group: Group, *, vip: bool = False, member: str = "", lines: int = 99, **more: object
    ) -> None:
        """`more`: other fields of the call; `house` of `house()` if it matters."""
        why = Vip(rank=5, threshold=3) if vip else None
        fields: dict[str, object] = {"dialled": "200", "vip": why, "member": member, **more}
        self.flow = Flow.of(Call(group, "0441234567", **fields), lines=lines)  # type: ignore[arg-type]
        self.now = 0.0
        self.commands: list[Command] = []
        self.users: dict[Leg, str] = {}
        self.timers: dict[TimerId, float] = {}

    def offered(self) -> list[str]:
        return self.happens(CallOffered(self.now))

    def rings(self, user: str) -> list[str]:
        return self.happens(Ringing(self.now, self.leg(user)))

    def answers(self, user: str, peer: str = "") -> list[str]:
        return self.happens(Answered(self.now, self.leg(user), peer))

    def refuses(
        self, user: str, status: int = 486, reason: str = "", contact: str = "", media: Media = Media.DIRECT
    ) -> list[str]:
        return self.happens(Refused(self.now, self.leg(user), status, reason, contact, media))

    def announced(self, problem: str = "") -> list[str]:
        return self.happens(Announced(self.now, problem))

    def transfers(self, user: str, number: str, uri: str = "", *, attended: bool = False) -> list[str]:
        """REFER from a phone, or from the caller when `user` is empty."""
        request = TransferRequest(number, uri, attended)
        return self.happens(TransferAsked(self.now, self.leg(user) if user else None, request))

    def handed_over(self, status: int, reason: str = "") -> list[str]:
        return self.happens(HandedOver(self.now, status, reason))

    def hangs_up(self, user: str = "") -> list[str]:
        """The caller, or a phone."""
        return self.happens(LegEnded(self.now, self.leg(user)) if user else CallerGone(self.now))

    def waits(self, seconds: float) -> list[str]:
        """What the timers that run out within these seconds bring."""
        until, said = self.now + seconds, []
        while due := min((at for at in self.timers.values() if at <= until), default=None):
            timer = next(timer for timer, at in self.timers.items() if at == due)
            del self.timers[timer]
            self.now = due
            said += self.happens(TimedOut(due, timer))
        self.now = until
        return said

    def happens(self, event: Event) -> list[str]:
        self.flow, commands = step(self.flow, event)
        self.commands += commands
        return [text for command in commands if (text := self._in_short(command))]

    def leg(self, user: str) -> Leg:
        """His newest leg."""
        return max(leg for leg, name in self.users.items() if name == user)

    def told(self) -> list[str]:
        """The explanation."""
        return [sentence(command.fact) for command in self.commands if isinstance(command, Explain)]

    def record(self) -> Record:
        (record,) = (command for command in self.commands if isinstance(command, Record))
        return record

    def _in_short(self, command: Command) -> str:
        match command:
            case Ring(leg, phone, plan):
                self.users[leg] = phone.person.name
                moved = f" at {phone.person.address}" if phone.diverted_by and phone.person.user else ""
                through = " conference" if plan and plan.media is Media.CONFERENCE else ""
                return f"Ring {phone.person.name}{moved}{through}"
            case StopRinging(leg):
                return f"stop {self.users[leg]}"
            case Connect(leg):
                return f"connect {self.users[leg]}"
            case Refuse(status):
                return str(status)
            case Alert():
                return "alert"
            case Announce(file, early):
                return f"play {file}{'' if early else ' answered'}"
            case StartTimer(timer, seconds):
                self.timers[timer] = self.now + seconds
            case StopTimer(timer):
                self.timers.pop(timer, None)
            case _:
                return self._transfer_in_short(command)
        return ""

    def _transfer_in_short(self, command: Command) -> str:
        match command:
            case Adopt(leg):
                self.users[leg] = "another's phone"
                return "adopt"
            case LetGo(leg):
                return f"let {self.users[leg]} go"
            case AcceptTransfer(_, status):
                return f"transfer {status}"
            case TransferProgress(leg, status):
                return f"tell {self.users[leg]} {status}"
            case HandOver(leg, replaces):
                return f"hand {self.users[leg]} over{' by Replaces' if replaces else ''}"
        return ""


def house(*own: str, **more: object) -> House:
    """`own`: manager numbers."""
    return House(own=frozenset(own), **more)  # type: ignore[arg-type]

"""What would happen if a number called a group: the flow itself, with a script in place of phones and time.

Spec: call flow, rule 10.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from itertools import count

from router import explain, hunting
from router.call import Call, Phone
from router.commands import Announce, Command, Connect, Explain, Record, Result, Ring, StartTimer
from router.events import Announced, Answered, CallOffered, Event, Leg, Refused, Ringing, TimedOut
from router.facts import ThroughServer
from router.flow import step
from router.media import Plan
from router.model import Group, RoutingTable
from router.opening import opening
from router.ports import Identity, IncomingCall, LegId, Media
from router.reception import Reception
from router.state import Flow
from router.targets import Unreachable
from router.words import caller


class UnknownGroupError(LookupError):
    """No group of that name has a manager number; `hint` names the nearest ones."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"no group {name!r} with a manager number")
        near = get_close_matches(name, known, n=3, cutoff=0.5) or known[:10]
        self.hint = f"groups: {', '.join(near)}" if near else "no group has a manager number"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a phone does `after` seconds: answer (`status` 200) or refuse; it rings until then if `rings`."""

    after: float
    status: int = 200
    reason: str = ""
    rings: bool = True
    contact: str = ""


Script = Callable[[int, Phone], Answer | None]
"""What the n-th phone that is rung does, from 1; None: it rings and nobody answers."""


@dataclass(frozen=True, slots=True)
class Step:
    """`at_s`: seconds after the call came."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The course of a call that was not made. `status`: what the caller gets; `result` as in a record."""

    group: str
    caller: str
    at: datetime
    is_vip: bool
    steps: tuple[Step, ...]
    phones: tuple[str, ...]
    """Names, in the order in which they are rung."""
    result: str
    status: int

    def text(self) -> str:
        """For people: a heading and a line for each step."""
        when = f"{self.at:%A, %Y-%m-%d at %H:%M}"
        heading = f"If {self.caller} called {self.group} on {when} and nobody answered:"
        lines = [f"  {step.at_s:>5.0f} s  {step.text}" for step in self.steps]
        return "\n".join((heading, *lines))

    def as_json(self) -> dict[str, object]:
        """For programs; keys as in a call record."""
        return {
            "group": self.group,
            "caller": self.caller,
            "at": self.at.isoformat(),
            "vip": self.is_vip,
            "result": self.result,
            "status": self.status,
            "phones": list(self.phones),
            "steps": [{"at_s": step.at_s, "text": step.text} for step in self.steps],
        }


def dry_run(table: RoutingTable, group_name: str, caller_number: str, at: datetime) -> Explanation:
    """The call if no phone is answered. `at`: with its zone. Raises UnknownGroupError."""
    group = _find(table, group_name)
    reception = Reception(table)
    incoming = IncomingCall(LegId(0), Identity(caller_number), group.manager_number, "", "")
    call = reception.call(group, incoming, at)
    course = simulate(call, reception, lambda _number, _phone: None)
    return Explanation(
        group=group.name,
        caller=caller(call),
        at=at,
        is_vip=call.vip is not None,
        steps=course.steps,
        phones=tuple(phone.person.name for phone in course.phones),
        result=course.result.value,
        status=course.status,
    )


@dataclass(frozen=True, slots=True)
class Course:
    """What came of a script, up to the moment when the caller is connected (status 200) or refused."""

    steps: tuple[Step, ...]
    phones: tuple[Phone, ...]
    result: Result
    status: int


def simulate(
    call: Call, reception: Reception, script: Script, *, announcement: Announced | None = None
) -> Course:
    """Run the flow against a script; time passes as fast as it is asked for.

    `announcement`: how it ends, `at` seconds after its begin; heard for a moment unless said otherwise.
    """
    return _Simulation(call, reception, script, announcement or Announced(0.0)).run()


class _Simulation:
    def __init__(self, call: Call, reception: Reception, script: Script, announcement: Announced) -> None:
        first = opening(call)
        self._flow = Flow.of(call, first, lines=hunting.most_at_once(call, first))
        self._reception = reception
        self._script = script
        self._announcement = announcement
        self._at_once: list[Event] = [CallOffered()]
        self._agenda: list[tuple[float, int, Event]] = []
        self._noted = count()
        self._steps: list[Step] = []
        self._phones: list[Phone] = []
        self._end: tuple[Result, int] | None = None

    def run(self) -> Course:
        while self._end is None:
            event = self._at_once.pop(0) if self._at_once else heapq.heappop(self._agenda)[2]
            self._flow, commands = step(self._flow, event)
            for command in commands:
                self._do(command, event.at)
        result, status = self._end
        return Course(tuple(self._steps), tuple(self._phones), result, status)

    def _do(self, command: Command, at: float) -> None:
        match command:
            case Explain(when, fact):
                self._steps.append(Step(round(when, 3), explain.sentence(fact)))
            case Ring(leg, phone, plan):
                self._ring(leg, phone, plan, at)
            case Announce():
                self._note(Announced(at + self._announcement.at, self._announcement.problem))
            case StartTimer(timer, seconds):
                self._note(TimedOut(at + seconds, timer))
            case Connect():
                self._end = (self._flow.result, 200)
            case Record(_, result, status):
                self._end = (result, status)
            case _:
                pass  # nobody to alert or to release; to the flow, a timer that was stopped is a late one

    def _ring(self, leg: Leg, phone: Phone, wanted: Plan | None, at: float) -> None:
        target = self._reception.target(phone.person)
        if isinstance(target, Unreachable):
            self._at_once.append(Refused(at, leg, 0, target.because))
            return
        plan = self._reception.plan(self._flow.call, target, wanted)
        if plan.media is Media.CONFERENCE and plan.because:
            self._steps.append(Step(round(at, 3), explain.sentence(ThroughServer(phone, plan.because))))
        self._phones.append(phone)
        answer = self._script(len(self._phones), phone)
        if answer is None or answer.rings:
            self._note(Ringing(at, leg))
        if answer is not None and answer.status == 200:
            self._note(Answered(at + answer.after, leg, target.peer, plan.media))
        elif answer is not None:
            self._note(
                Refused(at + answer.after, leg, answer.status, answer.reason, answer.contact, plan.media)
            )

    def _note(self, event: Event) -> None:
        heapq.heappush(self._agenda, (event.at, next(self._noted), event))


def _find(table: RoutingTable, name: str) -> Group:
    groups = [group for group in table.groups.values() if group.manager_number]
    exact = [group for group in groups if group.name == name]
    alike = [group for group in groups if group.name.casefold() == name.strip().casefold()]
    if not exact + alike:
        raise UnknownGroupError(name, tuple(sorted(group.name for group in groups)))
    return (exact + alike)[0]

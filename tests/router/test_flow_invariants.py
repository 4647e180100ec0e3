"""What holds for every call, whatever phones, callers and timers do, in whatever order and however late."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router import overflow
from router.commands import (
    Alert,
    Command,
    Connect,
    HangUp,
    Notify,
    Record,
    Refuse,
    Ring,
    StartTimer,
    StopRinging,
    StopTimer,
    Withdraw,
)
from router.events import (
    Answered,
    CallerGone,
    CallOffered,
    Event,
    Leg,
    LegEnded,
    Refused,
    Ringing,
    TimedOut,
    TimerId,
    TimerKind,
)
from router.flow import LONGEST_TALK, step
from router.hunting import Call, assistants
from router.state import Flow, Stage
from tests.router.strategies import calls

FINALS = st.sampled_from([0, 302, 404, 408, 480, 486, 487, 503, 600, 603, 606])


class AnyCall(RuleBasedStateMachine):
    """A caller, phones and timers that do anything at any time, late messages included."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.legs: dict[Leg, str] = {}
        self.running: dict[TimerId, float] = {}
        self.started: set[TimerId] = set()
        self.said: list[Command] = []
        self.names: dict[Leg, str] = {}
        self.shown: tuple[str, ...] = ()
        """Who rings, as the assistants see it."""

    @initialize(call=calls())
    def offered(self, call: Call) -> None:
        self.flow = Flow.of(call)
        self.happens(CallOffered(self.now))

    @rule(seconds=st.sampled_from([0.0, 0.5, 4.0, 19.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer, at in self.running.items() if at <= until]:
            first = min(due, key=lambda timer: self.running[timer])
            self.now = max(self.now, self.running.pop(first))
            self.happens(TimedOut(self.now, first))
        self.now = until

    @precondition(lambda self: self.legs)
    @rule(data=st.data(), status=FINALS)
    def phone_does_something(self, data: st.DataObject, status: int) -> None:
        leg = data.draw(st.sampled_from(sorted(self.legs)), label="leg")
        event = data.draw(
            st.sampled_from(
                [
                    Ringing(self.now, leg),
                    Answered(self.now, leg),
                    Refused(self.now, leg, status),
                    LegEnded(self.now, leg),
                ]
            ),
            label="event",
        )
        before = self.legs[leg]
        if isinstance(event, Refused | LegEnded) and before == "rung":
            self.legs[leg] = "refused"
        commands = self.happens(event)
        if before in {"released", "refused"}:
            assert commands == (), "a late message changes nothing"

    @precondition(lambda self: self.started)
    @rule(data=st.data())
    def timer_fires_late(self, data: st.DataObject) -> None:
        late = sorted(self.started - self.running.keys(), key=lambda timer: timer.number)
        if late:
            timer = data.draw(st.sampled_from(late), label="timer")
            before = self.flow
            assert self.happens(TimedOut(self.now, timer)) == ()
            assert self.flow == before

    @rule(event=st.sampled_from(["offered twice", "foreign leg"]))
    def nonsense(self, event: str) -> None:
        foreign = Answered(self.now, Leg(9999))
        assert self.happens(CallOffered(self.now) if event == "offered twice" else foreign) == ()

    @rule()
    def caller_hangs_up(self) -> None:
        self.happens(CallerGone(self.now))
        assert self.is_over

    @invariant()
    def a_waiting_caller_waits_for_somebody(self) -> None:
        if hasattr(self, "flow") and not self.is_over:
            states = list(self.legs.values())
            if self.flow.stage is Stage.TALKING:
                assert states.count("connected") == 1
                assert "rung" not in states
            else:
                assert "rung" in states
            assert self.running, "a call without a timer could last for ever"

    def teardown(self) -> None:
        """Left alone, every call ends; and within its longest wait if nobody answers."""
        if not hasattr(self, "flow"):
            return
        talking = self.flow.stage is Stage.TALKING
        began = self.now
        while not self.is_over:
            first = min(self.running, key=lambda timer: self.running[timer])
            self.now = self.running.pop(first)
            self.happens(TimedOut(self.now, first))
        if not talking:
            assert self.now - began <= 2 * overflow.LONGEST_WAIT
        else:
            assert self.now - began <= LONGEST_TALK

    @property
    def is_over(self) -> bool:
        return any(isinstance(command, Record) for command in self.said)

    def happens(self, event: Event) -> tuple[Command, ...]:
        was_over = self.is_over
        self.flow, commands = step(self.flow, event)
        assert not (was_over and commands), "after the end there is nothing to do"
        for command in commands:
            self.obey(command)
        self.said += commands
        if self.is_over:
            assert was_over != bool(commands)
            assert isinstance(self.said[-1], Record)
            assert not {"rung", "connected"} & set(self.legs.values()), "nothing is left behind"
            assert not self.shown, "no notification outlives its call"
        if self.shown:
            rung = tuple(self.names[leg] for leg, state in self.legs.items() if state == "rung")
            assert self.shown == rung, "assistants see who rings now"
        self.check_totals()
        return commands

    def obey(self, command: Command) -> None:
        match command:
            case Ring(leg, phone):
                assert leg not in self.legs
                self.legs[leg], self.names[leg] = "rung", phone.person.name
            case StopRinging(leg):
                assert self.legs[leg] == "rung", "released exactly once, and only if it rang"
                self.legs[leg] = "released"
            case Connect(leg):
                assert self.legs[leg] == "rung"
                self.legs[leg] = "connected"
            case HangUp(leg):
                assert self.legs[leg] == "connected"
                self.legs[leg] = "released"
            case StartTimer(timer, seconds):
                assert timer not in self.started
                assert seconds > 0
                self.started.add(timer)
                self.running[timer] = self.now + seconds
            case StopTimer(timer):
                del self.running[timer]
            case Notify(_, ringing):
                assert ringing
                self.shown = ringing
            case Withdraw():
                assert self.shown
                self.shown = ()
            case Record():
                self.running.clear()

    def check_totals(self) -> None:
        def count(kind: type) -> int:
            return sum(isinstance(command, kind) for command in self.said)

        group = self.flow.call.group
        assert count(Connect) + count(Refuse) <= 1
        assert count(Record) <= 1
        assert count(Alert) <= 1
        assert count(Ring) <= overflow.ROUNDS * (len(assistants(group)) + 1) + 1
        assert sum(state == "rung" for state in self.legs.values()) <= max(1, self.flow.call.lines)
        assert sum(timer.kind is TimerKind.PHONE for timer in self.running) <= 1


TestAnyCall = AnyCall.TestCase
TestAnyCall.settings = settings(max_examples=300, stateful_step_count=25, deadline=None)

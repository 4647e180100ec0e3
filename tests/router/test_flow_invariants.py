"""What holds for every call, whatever phones, callers and timers do, in whatever order and however late."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router import announcing, handover, overflow, transfer
from router.call import Call, Phone, Role
from router.commands import (
    AcceptTransfer,
    Adopt,
    Alert,
    Announce,
    Command,
    Connect,
    HandOver,
    HangUp,
    LetGo,
    Notify,
    NotifyAnswered,
    Record,
    Refuse,
    Ring,
    StartTimer,
    StopRinging,
    StopTimer,
    TransferProgress,
    Withdraw,
)
from router.events import (
    Announced,
    Answered,
    CallerGone,
    CallOffered,
    Consulted,
    Event,
    GivenAway,
    HandedOver,
    Leg,
    LegEnded,
    Refused,
    Ringing,
    TimedOut,
    TimerId,
    TimerKind,
    TransferAsked,
)
from router.flow import step
from router.hunting import assistants
from router.ports import NO_MEDIA_SERVER, Media, TransferRequest
from router.state import Flow, Stage
from router.talking import LONGEST_TALK
from tests.router.office import person
from tests.router.strategies import calls

FINALS = st.sampled_from([0, 302, 302, 404, 408, 480, 486, 487, 488, 503, 600, 603, 606])
REASONS = st.sampled_from(["", NO_MEDIA_SERVER])
CONTACTS = st.sampled_from(["", "sip:0791@10.0.0.9", "sip:200@10.0.0.9", "sip:x@10.0.0.8", "rubbish"])
CONSULTED = [Consulted(Phone(Role.MANAGER, person("Z")), media) for media in Media]
NUMBERS = st.sampled_from(["66", "M", "200", "0791112233", "nobody"])


@dataclass(frozen=True)
class Saying:
    """What a phone may say, and how it was reached."""

    status: int
    reason: str
    contact: str
    media: Media
    peer: str


sayings = st.builds(Saying, FINALS, REASONS, CONTACTS, st.sampled_from(Media), st.sampled_from(["", "pbx"]))


class AnyCall(RuleBasedStateMachine):
    """A caller, phones, a PBX and timers that do anything at any time, late messages included.

    A leg is rung, connected, left (it asked for a transfer and hung up), refused, released or ended.
    """

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
        self.playing = False
        self.moving: Leg | None = None
        """The leg that is told of a transfer."""
        self.asked_pbx = self.waits_for_pbx = False

    @initialize(call=calls(), lines=st.integers(1, 4))
    def offered(self, call: Call, lines: int) -> None:
        self.flow = Flow.of(call, lines=lines)
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
    @rule(data=st.data(), says=sayings)
    def phone_does_something(self, data: st.DataObject, says: Saying) -> None:
        leg = data.draw(st.sampled_from(sorted(self.legs)), label="leg")
        events: list[Event] = [
            Ringing(self.now, leg),
            Answered(self.now, leg, says.peer, says.media),
            Answered(self.now, leg, says.peer, says.media),
            Refused(self.now, leg, says.status, says.reason, says.contact, says.media),
            LegEnded(self.now, leg),
        ]
        event = data.draw(st.sampled_from(events), label="event")
        before = self.legs[leg]
        if isinstance(event, Refused | LegEnded) and before in {"rung", "connected"}:
            self.legs[leg] = "refused" if before == "rung" else "left"
        commands = self.happens(event)
        if before not in {"rung", "connected"}:
            assert commands == (), "a late message changes nothing"

    @precondition(lambda self: self.legs)
    @rule(data=st.data(), number=NUMBERS, consulted=st.sampled_from([None, None, *CONSULTED]))
    def somebody_asks_for_a_transfer(
        self, data: st.DataObject, number: str, consulted: Consulted | None
    ) -> None:
        leg = data.draw(st.none() | st.sampled_from(sorted(self.legs)), label="leg")
        is_over, before = self.is_over, self.legs[leg] if leg is not None else ""
        request = TransferRequest(number, "", attended=consulted is not None)
        commands = self.happens(TransferAsked(self.now, leg, request, consulted))
        answers = [command for command in commands if isinstance(command, AcceptTransfer)]
        assert len(answers) == (0 if is_over else 1), "who asks is answered"
        if answers and answers[0].status < 300:
            assert leg is not None
            assert before == "connected", "only who has the call hands it on"

    @rule(problem=st.sampled_from(["", "no such file"]))
    def announcement_ends(self, problem: str) -> None:
        was_playing, self.playing = self.playing, False
        commands = self.happens(Announced(self.now, problem))
        assert bool(commands) == was_playing, "an announcement ends once"

    @rule(status=st.sampled_from([200, 408, 501, 603]))
    def pbx_says_something(self, status: int) -> None:
        was_asked, self.asked_pbx = self.asked_pbx, False
        if was_asked and status == 200:
            for leg, state in self.legs.items():
                if state == "connected":
                    self.legs[leg] = "ended"
        elif not was_asked and status == 200:
            return  # nobody has asked: it does not come
        waited, self.waits_for_pbx = self.waits_for_pbx, False
        commands = self.happens(HandedOver(self.now, status))
        assert bool(commands) == (waited or (was_asked and status == 200))

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

    @precondition(lambda self: self.flow.talking is not None and self.flow.transfer is None)
    @rule()
    def phone_is_given_to_another_call(self) -> None:
        assert self.flow.talking is not None
        self.legs[self.flow.talking.leg] = "ended"
        self.happens(GivenAway(self.now))
        assert self.is_over

    @rule()
    def caller_hangs_up(self) -> None:
        self.happens(CallerGone(self.now))
        assert self.is_over

    @invariant()
    def a_waiting_caller_waits_for_somebody(self) -> None:
        if not hasattr(self, "flow") or self.is_over:
            return
        states = list(self.legs.values())
        assert self.running, "a call without a timer could last for ever"
        if self.flow.stage is Stage.TALKING:
            waits = self.flow.transfer is not None
            assert states.count("connected") == (0 if waits and self.flow.talking is None else 1)
            assert states.count("rung") == int(waits)
        elif self.flow.stage is Stage.ANNOUNCING:
            assert self.playing, "an announcement has an end"
            assert not states
        else:
            assert not self.playing
            assert "rung" in states

    def teardown(self) -> None:
        """Left alone, every call ends; and within its longest wait if nobody answers."""
        if not hasattr(self, "flow"):
            return
        talking = self.flow.stage is Stage.TALKING
        began = self.now
        while not self.is_over:
            first = min(self.running, key=lambda timer: self.running[timer])
            self.now = self.running.pop(first)
            if first.kind is TimerKind.ANNOUNCEMENT:
                self.playing = False
            self.happens(TimedOut(self.now, first))
        if not talking:
            assert self.now - began <= announcing.LONGEST + 2 * overflow.LONGEST_WAIT
        else:
            assert self.now - began <= LONGEST_TALK + transfer.WAIT + handover.WAIT

    @property
    def is_over(self) -> bool:
        return any(isinstance(command, Record) for command in self.said)

    def happens(self, event: Event) -> tuple[Command, ...]:
        was_over = self.is_over
        if isinstance(event, TimedOut):
            if event.timer.kind is TimerKind.ANNOUNCEMENT and event.timer == self.flow.side_timer:
                self.playing = False
            if event.timer.kind is TimerKind.HAND_OVER and event.timer == self.flow.side_timer:
                self.waits_for_pbx = False
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
            assert self.moving is None, "who asked for a transfer learns how it went"
            self.playing = self.asked_pbx = self.waits_for_pbx = False
        if self.shown:
            rung = tuple(self.names[rung.leg] for rung in self.flow.rung)
            assert self.shown == rung, "assistants see who rings now"
            assert all(self.legs[rung.leg] == "rung" for rung in self.flow.rung)
        self.check_totals()
        return commands

    def obey(self, command: Command) -> None:
        self.obey_on_legs(command)
        self.obey_on_transfers(command)
        self.obey_besides(command)

    def obey_on_legs(self, command: Command) -> None:
        match command:
            case Ring(leg, phone):
                assert leg not in self.legs
                self.legs[leg], self.names[leg] = "rung", phone.person.name
            case StopRinging(leg):
                assert self.legs[leg] == "rung", "released exactly once, and only if it rang"
                self.legs[leg] = "released"
            case Connect(leg):
                assert self.legs[leg] == "rung"
                before = [one for one, state in self.legs.items() if state == "connected"]
                assert before == ([self.moving] if self.moving else [])
                if before:
                    self.legs[before[0]] = "moved"
                self.legs[leg] = "connected"
            case LetGo(leg):
                assert self.legs[leg] == "moved"
                self.legs[leg] = "released"
            case HangUp(leg):
                if leg is not None:
                    assert self.legs[leg] in {"connected", "left"}
                    self.legs[leg] = "released"

    def obey_on_transfers(self, command: Command) -> None:
        match command:
            case Adopt(leg):
                assert leg not in self.legs
                self.legs[leg], self.names[leg] = "rung", "Z"
            case AcceptTransfer(leg, status):
                if status < 300:
                    assert self.moving is None, "one transfer at a time"
                    self.moving = leg
            case TransferProgress(leg, status):
                assert leg == self.moving, "told only who asked"
                self.moving = None if status >= 200 else leg
            case HandOver(leg):
                assert self.legs[leg] == "connected"
                assert not self.asked_pbx
                self.asked_pbx = self.waits_for_pbx = True
        if self.moving is not None and self.legs[self.moving] == "left":
            self.moving = None  # gone: it is told nothing any more

    def obey_besides(self, command: Command) -> None:
        match command:
            case Announce():
                assert not self.playing
                self.playing = True
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
            case Withdraw() | NotifyAnswered():
                assert self.shown
                self.shown = ()
            case Record():
                self.running.clear()

    def check_totals(self) -> None:
        def count(kind: type) -> int:
            return sum(isinstance(command, kind) for command in self.said)

        group = self.flow.call.group
        transfers = sum(isinstance(one, AcceptTransfer) and one.status < 300 for one in self.said)
        assert count(Connect) <= 1 + transfers
        assert not (count(Connect) and count(Refuse))
        assert count(Refuse) <= 1
        assert count(Record) <= 1
        assert count(Alert) <= 1
        assert count(Announce) <= 1
        assert count(HandOver) <= 1
        phones = overflow.ROUNDS * (len(assistants(group)) + 1) + 1 + transfers
        assert count(Ring) <= 4 * phones, "each may be rung again with other media, and where it forwards to"
        assert sum(state == "rung" for state in self.legs.values()) <= max(1, self.flow.lines)
        for kind in TimerKind:
            assert sum(timer.kind is kind for timer in self.running) <= 1


TestAnyCall = AnyCall.TestCase
TestAnyCall.settings = settings(max_examples=400, stateful_step_count=30, deadline=None)

"""A service's life, told in events; then every order of events there is."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from appliance.lifecycle import (
    BecameReady,
    Command,
    Event,
    Exited,
    Kill,
    Limits,
    RestartAsked,
    Service,
    SetTimer,
    Spawn,
    Stalled,
    StartAsked,
    State,
    StopAsked,
    Terminate,
    Then,
    TimerFired,
    step,
)

LIMITS = Limits()
KILLED = Exited(-9, "killed by SIGKILL")


class Life:
    """One service and a clock; remembers the commands of the last step."""

    def __init__(self) -> None:
        self.service = Service()
        self.now = 0.0
        self.commands: tuple[Command, ...] = ()

    def see(self, event: Event, after: float = 0.0) -> list[type]:
        self.now += after
        self.service, self.commands = step(self.service, event, self.now, LIMITS)
        return [type(command) for command in self.commands]

    def time_passes(self) -> list[type]:
        """The timer that was set last fires when it is due."""
        (timer,) = [c for c in self.commands if isinstance(c, SetTimer)]
        return self.see(TimerFired(timer.timer), after=timer.seconds)

    def pause(self) -> float:
        (timer,) = [c for c in self.commands if isinstance(c, SetTimer)]
        return timer.seconds


def running() -> Life:
    life = Life()
    assert life.see(StartAsked()) == [Spawn, SetTimer]
    assert life.see(BecameReady()) == []
    assert life.service.state is State.READY
    return life


def test_a_killed_service_comes_back_after_a_short_pause() -> None:
    life = running()
    assert life.see(KILLED) == [SetTimer]
    assert life.service.state is State.BACKING_OFF
    assert life.pause() == 0.2
    assert life.time_passes() == [Spawn, SetTimer]
    assert (life.service.restarts, life.service.last_exit) == (1, "killed by SIGKILL")


def test_the_pause_doubles_up_to_half_a_minute() -> None:
    life = running()
    pauses = []
    for _ in range(10):
        life.see(KILLED)
        pauses.append(life.pause())
        life.time_passes()
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_a_minute_of_readiness_forgets_earlier_failures() -> None:
    life = running()
    for _ in range(5):
        life.see(KILLED)
        life.time_passes()
    life.see(BecameReady())
    life.see(KILLED, after=60)
    assert life.pause() == 0.2


def test_a_minute_of_starting_forgets_nothing() -> None:
    life = running()
    life.see(KILLED)
    life.time_passes()
    life.see(KILLED, after=60)
    assert life.pause() == 0.4


def test_a_service_that_is_not_ready_in_time_is_killed_and_tried_again() -> None:
    life = Life()
    life.see(StartAsked())
    assert life.pause() == 20
    assert life.time_passes() == [Kill, SetTimer]
    assert life.see(KILLED) == [SetTimer]
    assert (life.service.state, life.service.last_exit) == (State.BACKING_OFF, "not ready within 20 s")


def test_stop_asks_first_and_kills_at_the_limit() -> None:
    life = running()
    assert life.see(StopAsked()) == [Terminate, SetTimer]
    assert life.pause() == 3
    assert life.time_passes() == [Kill, SetTimer]
    life.see(KILLED)
    assert life.service.state is State.STOPPED


def test_a_restart_waits_for_the_end_of_the_old_process() -> None:
    life = running()
    assert life.see(RestartAsked()) == [Terminate, SetTimer]
    assert life.see(RestartAsked()) == []
    assert life.see(Exited(0, "ended")) == [Spawn, SetTimer]
    assert life.service.state is State.STARTING


def test_a_restart_that_was_asked_for_is_no_failure() -> None:
    life = running()
    life.see(RestartAsked())
    life.see(Exited(0, "ended"))
    life.see(KILLED)
    assert life.pause() == 0.2


def test_stop_wins_over_a_restart_in_progress() -> None:
    life = running()
    life.see(RestartAsked())
    life.see(StopAsked())
    assert life.see(Exited(0, "ended")) == []
    assert life.service.state is State.STOPPED


def test_start_wins_over_a_stop_in_progress() -> None:
    life = running()
    life.see(StopAsked())
    life.see(StartAsked())
    assert life.see(Exited(0, "ended")) == [Spawn, SetTimer]


def test_a_service_that_calls_its_settings_wrong_is_not_tried_again_until_asked() -> None:
    life = Life()
    life.see(StartAsked())
    assert life.see(Exited(2, "exit code 2")) == []
    assert life.service.state is State.FAILED
    assert life.see(StartAsked()) == [Spawn, SetTimer]


def test_exit_code_two_of_a_service_at_work_is_a_crash_like_any_other() -> None:
    life = running()
    assert life.see(Exited(2, "exit code 2")) == [SetTimer]
    assert life.service.state is State.BACKING_OFF


def test_asking_for_a_start_cuts_the_pause_short_and_the_old_timer_changes_nothing() -> None:
    life = running()
    life.see(KILLED)
    (pause,) = life.commands
    assert isinstance(pause, SetTimer)
    assert life.see(StartAsked()) == [Spawn, SetTimer]
    assert life.see(TimerFired(pause.timer)) == []


def test_a_stalled_service_is_ended_quickly_and_started_anew_as_after_a_crash() -> None:
    life = running()
    assert life.see(Stalled("stalled for 5 s")) == [Terminate, SetTimer]
    assert life.pause() == LIMITS.stalled_within < 1
    assert life.time_passes() == [Kill, SetTimer]
    assert life.see(Stalled("stalled again")) == []
    assert life.see(KILLED) == [SetTimer]
    assert (life.service.state, life.service.last_exit) == (State.BACKING_OFF, "stalled for 5 s")
    assert life.pause() == 0.2
    assert life.time_passes() == [Spawn, SetTimer]


def test_a_restart_for_a_reason_is_told_as_such_once() -> None:
    life = running()
    life.see(RestartAsked("restarted: it had grown"))
    life.see(Exited(0, "ended"))
    assert life.service.last_exit == "restarted: it had grown"
    life.see(BecameReady())
    life.see(RestartAsked())
    life.see(Exited(0, "ended"))
    assert life.service.last_exit == "ended"


def test_a_restart_that_somebody_asks_for_meanwhile_hides_no_stall() -> None:
    life = running()
    life.see(Stalled("stalled for 5 s"))
    life.see(RestartAsked())
    assert life.see(KILLED) == [Spawn, SetTimer]
    assert life.service.last_exit == "stalled for 5 s"


def test_stalls_in_a_row_are_failures_in_a_row() -> None:
    life, pauses = running(), []
    for _ in range(3):
        life.see(Stalled("stalled"))
        life.see(KILLED)
        pauses.append(life.pause())
        life.time_passes()
        life.see(BecameReady())
    assert pauses == [0.2, 0.4, 0.8]


def test_a_stop_of_a_stalled_service_is_final() -> None:
    life = running()
    life.see(Stalled("stalled"))
    life.see(StopAsked())
    assert life.see(KILLED) == []
    assert life.service.state is State.STOPPED


class AnyOrder(RuleBasedStateMachine):
    """Drives a service and a simulated process with events in any order, late timers included."""

    def __init__(self) -> None:
        super().__init__()
        self.service = Service()
        self.now = 0.0
        self.alive = False
        self.asked_to_end = False
        self.timers: list[int] = []
        self.wanted = False

    def see(self, event: Event) -> None:
        self.service, commands = step(self.service, event, self.now, LIMITS)
        for command in commands:
            match command:
                case Spawn():
                    assert not self.alive, "two processes of one service"
                    self.alive, self.asked_to_end = True, False
                case Terminate() | Kill():
                    assert self.alive, "nobody to end"
                    self.asked_to_end = True
                case SetTimer(timer, seconds):
                    assert 0 < seconds <= 30
                    assert timer not in self.timers
                    self.timers.append(timer)

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(event=st.sampled_from([StartAsked(), RestartAsked()]))
    def ask_to_run(self, event: Event) -> None:
        self.wanted = True
        self.see(event)

    @rule()
    def ask_to_stop(self) -> None:
        self.wanted = False
        self.see(StopAsked())

    @precondition(lambda self: self.alive)
    @rule()
    def ready(self) -> None:
        self.see(BecameReady())

    @rule()
    def stall(self) -> None:
        self.see(Stalled("stalled"))

    @precondition(lambda self: self.alive)
    @rule(code=st.sampled_from([0, 1, 2, -9]))
    def end(self, code: int) -> None:
        self.alive = False
        self.see(Exited(code, f"code {code}"))

    @precondition(lambda self: self.timers)
    @rule(data=st.data())
    def timer(self, data: st.DataObject) -> None:
        self.see(TimerFired(data.draw(st.sampled_from(self.timers))))

    @invariant()
    def a_process_lives_exactly_in_the_states_that_have_one(self) -> None:
        has_one = self.service.state in (State.STARTING, State.READY, State.STOPPING)
        assert has_one == self.alive

    @invariant()
    def what_waits_has_a_timer_that_still_counts(self) -> None:
        if self.service.state in (State.STARTING, State.STOPPING, State.BACKING_OFF):
            assert self.timers[-1] == self.service.timer

    @invariant()
    def what_is_wanted_runs_or_will(self) -> None:
        stays_down = self.service.state is State.STOPPED or (
            self.service.state is State.STOPPING and self.service.then is Then.STAY
        )
        assert self.wanted != stays_down

    @invariant()
    def a_process_that_is_to_end_has_been_told(self) -> None:
        if self.service.state is State.STOPPING:
            assert self.asked_to_end


TestAnyOrder = AnyOrder.TestCase

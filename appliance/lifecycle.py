"""The life of one service: pure decisions about starting, restarting and stopping a process.

`step(service, event, now, limits)` gives the next state and what to do. `now` is monotonic seconds. Timers
are numbered: one that was set for an earlier state changes nothing when it fires late.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never

REFUSES_TO_START = 2
"""Exit code of a process that says its own settings are wrong: starting it again cannot help."""


class State(Enum):
    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    BACKING_OFF = "backing off"
    FAILED = "failed"


class Then(Enum):
    """What follows when a process that is being stopped has ended."""

    STAY = "stay stopped"
    START = "start again"
    BACK_OFF = "start again later"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. `ready_within`: for a new process to say it is ready. `stop_within`: from SIGTERM to SIGKILL;
    `stalled_within`: the same for a process that has stalled, which will hardly hear SIGTERM.
    The pause before restart n doubles from `first_pause` to `longest_pause` and is forgotten after
    `steady_after` seconds of readiness."""

    ready_within: float = 20.0
    stop_within: float = 3.0
    stalled_within: float = 0.3
    first_pause: float = 0.2
    longest_pause: float = 30.0
    steady_after: float = 60.0

    def pause(self, failures: int) -> float:
        return min(self.first_pause * 2.0 ** min(failures, 30), self.longest_pause)


@dataclass(frozen=True, slots=True)
class Service:
    """`since`: when this state began. `failures`: ends in a row that nobody asked for. `restarts`: processes
    started after the first. `last_exit`: how the last process ended, in words. `timer`: the one
    that counts. `reason`: why it is being restarted, empty for no reason to tell."""

    state: State = State.STOPPED
    since: float = 0.0
    failures: int = 0
    starts: int = 0
    last_exit: str | None = None
    timer: int = 0
    then: Then = Then.STAY
    reason: str = ""

    @property
    def restarts(self) -> int:
        return max(0, self.starts - 1)


@dataclass(frozen=True, slots=True)
class StartAsked:
    pass


@dataclass(frozen=True, slots=True)
class StopAsked:
    pass


@dataclass(frozen=True, slots=True)
class RestartAsked:
    """`reason`: told as the way the old process ended; without one, its exit code is."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class BecameReady:
    """The present process says it does its work."""


@dataclass(frozen=True, slots=True)
class Exited:
    """The process ended, or could not be started. `code`: negative for a signal, None if it never ran."""

    code: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Stalled:
    """The present process is there and does nothing any more. `text` says how that was noticed."""

    text: str


@dataclass(frozen=True, slots=True)
class TimerFired:
    timer: int


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a process; report Exited when it ends or cannot be started."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """Ask the process to end (SIGTERM)."""


@dataclass(frozen=True, slots=True)
class Kill:
    """End the process and everything it started (SIGKILL)."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Report TimerFired(timer) after `seconds`; it replaces the timer set before."""

    timer: int
    seconds: float


Event = StartAsked | StopAsked | RestartAsked | BecameReady | Exited | Stalled | TimerFired
Command = Spawn | Terminate | Kill | SetTimer
Step = tuple[Service, tuple[Command, ...]]


def step(service: Service, event: Event, now: float, limits: Limits) -> Step:
    """What happens next to `service`."""
    match event:
        case StartAsked():
            return _start_asked(service, now, limits)
        case StopAsked():
            return _stop_asked(service, now, limits)
        case RestartAsked(reason):
            return _restart_asked(service, reason, now, limits)
        case BecameReady():
            return _became_ready(service, now)
        case Exited():
            return _exited(service, event, now, limits)
        case Stalled(text):
            return _stalled(service, text, now, limits)
        case TimerFired(timer):
            return _timer_fired(service, now, limits) if timer == service.timer else (service, ())
        case _:
            assert_never(event)


def _start_asked(service: Service, now: float, limits: Limits) -> Step:
    match service.state:
        case State.STOPPED | State.FAILED | State.BACKING_OFF:
            return _spawn(service, now, limits)
        case State.STOPPING:
            return replace(service, then=Then.START), ()
        case State.STARTING | State.READY:
            return service, ()
        case _:
            assert_never(service.state)


def _stop_asked(service: Service, now: float, limits: Limits) -> Step:
    match service.state:
        case State.STARTING | State.READY:
            return _terminate(service, Then.STAY, limits.stop_within, now)
        case State.STOPPING:
            return replace(service, then=Then.STAY), ()
        case State.BACKING_OFF | State.FAILED:
            return _enter(service, State.STOPPED, now), ()
        case State.STOPPED:
            return service, ()
        case _:
            assert_never(service.state)


def _restart_asked(service: Service, reason: str, now: float, limits: Limits) -> Step:
    if service.state is State.READY:
        return _terminate(replace(service, reason=reason), Then.START, limits.stop_within, now)
    return _start_asked(service, now, limits)  # a process that is just starting is a new one already


def _became_ready(service: Service, now: float) -> Step:
    if service.state is not State.STARTING:
        return service, ()
    return _enter(service, State.READY, now), ()


def _exited(service: Service, event: Exited, now: float, limits: Limits) -> Step:
    match service.state:
        case State.STARTING if event.code == REFUSES_TO_START:
            return replace(_enter(service, State.FAILED, now), last_exit=event.text), ()
        case State.STARTING | State.READY:
            steady = service.state is State.READY and now - service.since >= limits.steady_after
            failures = 0 if steady else service.failures
            return _back_off(replace(service, failures=failures, last_exit=event.text), now, limits)
        case State.STOPPING:
            return _stopped(service, event, now, limits)
        case State.STOPPED | State.BACKING_OFF | State.FAILED:
            return service, ()
        case _:
            assert_never(service.state)


def _stalled(service: Service, text: str, now: float, limits: Limits) -> Step:
    if service.state is not State.READY:
        return service, ()  # it is being ended already, or a new one is on its way
    failures = 0 if now - service.since >= limits.steady_after else service.failures
    ending = replace(service, failures=failures, last_exit=text, reason=text)
    return _terminate(ending, Then.BACK_OFF, limits.stalled_within, now)


def _stopped(service: Service, event: Exited, now: float, limits: Limits) -> Step:
    match service.then:
        case Then.STAY:
            stopped = replace(
                _enter(service, State.STOPPED, now), failures=0, last_exit=event.text, reason=""
            )
            return stopped, ()
        case Then.START:
            why = service.reason or event.text
            return _spawn(replace(service, failures=0, last_exit=why, reason=""), now, limits)
        case Then.BACK_OFF:
            return _back_off(replace(service, reason=""), now, limits)  # last_exit already says why
        case _:
            assert_never(service.then)


def _timer_fired(service: Service, now: float, limits: Limits) -> Step:
    match service.state:
        case State.STARTING:
            late = f"not ready within {limits.ready_within:g} s"
            killed = replace(_enter(service, State.STOPPING, now), then=Then.BACK_OFF, last_exit=late)
            return _with_timer(killed, limits.stop_within, Kill())
        case State.STOPPING:
            return _with_timer(service, limits.stop_within, Kill())
        case State.BACKING_OFF:
            return _spawn(service, now, limits)
        case State.STOPPED | State.READY | State.FAILED:
            return service, ()
        case _:
            assert_never(service.state)


def _spawn(service: Service, now: float, limits: Limits) -> Step:
    starting = replace(_enter(service, State.STARTING, now), starts=service.starts + 1)
    return _with_timer(starting, limits.ready_within, Spawn())


def _terminate(service: Service, then: Then, within: float, now: float) -> Step:
    return _with_timer(replace(_enter(service, State.STOPPING, now), then=then), within, Terminate())


def _back_off(service: Service, now: float, limits: Limits) -> Step:
    waiting = replace(_enter(service, State.BACKING_OFF, now), failures=service.failures + 1)
    return _with_timer(waiting, limits.pause(service.failures))


def _enter(service: Service, state: State, now: float) -> Service:
    return replace(service, state=state, since=now, timer=service.timer + 1)


def _with_timer(service: Service, seconds: float, *before: Command) -> Step:
    timer = service.timer + 1
    return replace(service, timer=timer), (*before, SetTimer(timer, seconds))

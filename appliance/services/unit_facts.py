"""What systemd's properties of a unit mean for us: pure decisions (org.freedesktop.systemd1(5))."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from appliance.lifecycle import State
from appliance.services.ports import Unit, UnitState
from appliance.services.process import in_words

PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "MainPID",
    "InvocationID",
    "NRestarts",
    "Result",
    "ExecMainCode",
    "ExecMainStatus",
    "StateChangeTimestampMonotonic",
)
ANEW = "started anew by systemd"

_EXITED = "1"
_NO_RESULT = ("", "success")
_RESULTS = {
    "watchdog": "stalled: systemd had no sign of it in time",
    "timeout": "not ready, or not ended, in time",
    "oom-kill": "killed: it used more memory than it may",
    "resources": "systemd had no resources to start it",
    "start-limit-hit": "started too often in too short a time",
}


@dataclass(frozen=True, slots=True)
class Known:
    """A unit as told, and what tells one process of it from the next."""

    told: UnitState
    invocation: str = ""
    """Of the process seen last, also of one that has ended."""
    systemds: int = 0
    """Restarts by systemd itself, as it counts them."""


@dataclass(frozen=True, slots=True)
class Seen:
    state: State
    pid: int | None
    since: float
    invocation: str
    systemds: int
    ended: str | None
    """How the last process ended; None while one runs."""


def seen(found: Mapping[str, str]) -> Seen:
    """`found`: PROPERTIES as `systemctl show` prints them; what is missing counts as empty."""
    state = _state(found.get("ActiveState", ""), found.get("SubState", ""))
    pid = _number(found.get("MainPID", "")) or None
    since = _number(found.get("StateChangeTimestampMonotonic", "")) / 1e6
    invocation, systemds = found.get("InvocationID", ""), _number(found.get("NRestarts", ""))
    if found.get("LoadState", "loaded") != "loaded":
        return Seen(State.FAILED, None, since, "", 0, f"systemd has no such unit ({found['LoadState']})")
    runs = state in (State.READY, State.STARTING)
    return Seen(state, pid, since, invocation, systemds, None if runs else ended(found))


def ended(found: Mapping[str, str]) -> str | None:
    """How the last process of a unit ended, in words; None if none has."""
    result, code = found.get("Result", ""), found.get("ExecMainCode", "")
    if result in _RESULTS:
        return _RESULTS[result]
    status = _number(found.get("ExecMainStatus", ""))
    if code == _EXITED:
        return in_words(status)
    if code not in ("", "0"):
        return in_words(-status)
    return None if result in _NO_RESULT else result


def follow(known: Known, now: Seen, reason: str = "") -> tuple[Known, tuple[UnitState, ...]]:
    """What is known after a look, and what is told about it: nobody is told of a new process before he was
    told that the old one is gone. `reason`: why we had it restarted, empty if we had not."""
    before = known.told
    is_new = bool(now.invocation) and now.invocation != known.invocation
    had_one = bool(known.invocation)
    more = max(1, now.systemds - known.systemds) if is_new and had_one else 0
    first = now.systemds if is_new and not had_one else 0
    unseen = is_new and had_one and before.state in (State.READY, State.STOPPING)
    gone = (reason or ANEW) if unseen else before.last_exit
    told = UnitState(
        before.unit,
        now.state,
        now.pid if now.state is not State.STOPPED else None,
        now.since or before.since,
        before.restarts + more + first,
        now.ended or gone,
    )
    if _same(told, before):
        told = before
    invocation = now.invocation if is_new else known.invocation
    return Known(told, invocation, now.systemds), _between(before, told)


def begun(known: Known, state: State, since: float) -> tuple[Known, tuple[UnitState, ...]]:
    """We have asked for it ourselves: `state` is STARTING or STOPPING."""
    if known.told.state is state:
        return known, ()
    told = replace(known.told, state=state, since=since)
    return replace(known, told=told), (told,)


def introduced(known: Known, pid: int, since: float) -> tuple[Known, tuple[UnitState, ...]]:
    """The process `pid` of the unit says that it is ready."""
    if known.told.state is State.READY and known.told.pid == pid:
        return known, ()
    told = replace(known.told, state=State.READY, pid=pid, since=since)
    return replace(known, told=told), _between(known.told, told)


def _same(one: UnitState, other: UnitState) -> bool:
    """Apart from the time: a state that we told before systemd did keeps ours."""
    return replace(one, since=0.0) == replace(other, since=0.0)


def _between(before: UnitState, after: UnitState) -> tuple[UnitState, ...]:
    if before == after or (before.state is after.state and before.pid == after.pid):
        return ()
    path: list[UnitState] = []
    if after.state is State.READY and before.state is not State.STARTING:
        path.append(replace(after, state=State.STARTING))
    if after.state is State.STOPPED and before.state in (State.READY, State.STARTING):
        path.append(replace(before, state=State.STOPPING))
    return (*path, after)


def _state(active: str, sub: str) -> State:
    match active:
        case "active" | "reloading" | "refreshing":
            return State.READY
        case "activating":
            return State.BACKING_OFF if sub.startswith("auto-restart") else State.STARTING
        case "deactivating":
            return State.STOPPING
        case "failed":
            return State.FAILED
        case _:
            return State.STOPPED


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def unit_name(unit: Unit) -> str:
    return f"callisto-{unit}.service"

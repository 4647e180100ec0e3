"""How the clock and its server read, on every page the same. Pure."""

from __future__ import annotations

from datetime import datetime

from shell.clock_ports import ClockState, ServerCheck
from shell.layout import day_name

IN_STEP_S = 1.0
"""Further off than this is worth a word."""


def full(at: datetime) -> str:
    """`Sun 2026-11-22 14:30:05 CET (UTC+01:00)`, in the zone it is given in."""
    offset = f"{at:%z}"
    return f"{day_name(at)} {at:%Y-%m-%d %H:%M:%S %Z} (UTC{offset[:3]}:{offset[3:5]})"


def sync(state: ClockState) -> str:
    """Whether the machine's time service keeps the time, and has got it."""
    match state.sync, state.in_step:
        case True, True:
            return f"yes, in step with {state.using}" if state.using else "yes, in step"
        case True, _:
            asked = f", from {state.using}" if state.using else ""
            return f"switched on{asked}, not in step yet"
        case False, _:
            return "no, it is switched off"
    return "not told; the machine keeps its own time"


def server(state: ClockState) -> str:
    """What gTimeServer does here."""
    if state.server is None:
        return "not known yet"
    name = state.server or "none"
    if state.sync is None:
        return f"{name}; asked when it is set, not used: the clock is not ours"
    return name if state.sync else f"{name}; not used while synchronisation is off"


def brief(state: ClockState) -> str:
    """Server and its state for System Information."""
    name = state.server or "none"
    if state.sync is False:
        return f"{name}, sync off"
    if state.sync:
        return f"{name}, in step" if state.in_step else f"{name}, not in step yet"
    if state.check is None:
        return f"{name}, not asked yet" if state.server else name
    return f"{name}, {'no answer' if state.check.problem else apart(state.check.offset_s or 0.0)}"


def checked(check: ServerCheck) -> str:
    """What a time server said."""
    if check.problem:
        return f"no time from it: {check.problem}"
    return f"it answers, stratum {check.stratum}; this clock is {apart(check.offset_s or 0.0)}"


def apart(offset_s: float) -> str:
    """`in step (4 ms apart)`, `3.2 s behind`."""
    if abs(offset_s) <= IN_STEP_S:
        return f"in step ({abs(offset_s) * 1000:.0f} ms apart)"
    return f"{abs(offset_s):.1f} s {'behind' if offset_s > 0 else 'ahead'}"

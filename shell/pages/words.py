"""How values and changes read, on every page the same. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from db.variables.catalogue import Variable
from db.variables.states import Actor, Change, VariableState
from db.variables.values import Context as Rules
from db.variables.values import Weekly
from scheduler import days
from shell.layout import ago, day_and_time, moment
from shell.reply import CommandError

WEEKDAYS_SHOWN = 3


def value(variable: Variable, stored: str) -> str:
    """`9,02:00 (Sunday, Wednesday at 02:00)`; `blank (never)`; `20 min` where the words say it all."""
    shown = variable.shown(stored)
    if not stored:
        return f"blank ({shown})" if shown else "blank"
    return shown if shown == stored or shown.split(" ")[0] == stored else f"{stored} ({shown})"


def bare(stored: str) -> str:
    return stored or "blank"


def default(state: VariableState, rules: Rules) -> str:
    return value(state.variable, state.variable.default_for(rules.edition))


def who(actor: Actor) -> str:
    """`admin by telnet from 127.0.0.1:40112`."""
    user = actor.user or "nobody"
    return f"{user} by {actor.channel}" + (f" from {actor.address}" if actor.address else "")


def change(one: Change, zone: ZoneInfo, now: datetime) -> str:
    return (
        f"{bare(one.old)} -> {bare(one.new)} by {one.actor.user or one.actor.channel}, "
        f"{moment(one.at, zone)} ({ago(one.at, now)}), number {one.id}"
    )


def next_runs(variable: Variable, stored: str, now: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The next three restarts; empty for variables that plan none."""
    if not isinstance(variable.values, Weekly):
        return ()
    try:
        weekly = days.parse(stored)
    except days.WeeklyTimeError:
        return ()
    return days.next_runs(weekly, now, zone, WEEKDAYS_SHOWN) if weekly else ()


def runs(times: tuple[datetime, ...], zone: ZoneInfo) -> str:
    return ", ".join(day_and_time(each, zone) for each in times)


def effect(variable: Variable) -> str:
    """When a new value counts, and for whom."""
    if not variable.read_by:
        return "kept and checked; nothing in this version acts on it yet"
    return f"from the next start of the {variable.restarts}" if variable.restarts else "at once"


def restarts(variable: Variable) -> str:
    """What setting it starts anew, now and later."""
    if isinstance(variable.values, Weekly) and variable.read_by:
        return "nothing now; the web server at the planned times, which logs out whoever is on the web"
    if "clock" in variable.read_by:
        return "nothing; the machine's time service is given the new server"
    return (
        f"nothing now; the {variable.restarts} takes it at its next start" if variable.restarts else "nothing"
    )


def calls(variable: Variable) -> str:
    """Whether it matters to calls, and to which."""
    if "router" in variable.read_by:
        return "counts for calls that come from now on; calls in progress go on as they began"
    return "not affected"


def number_of_change(command: str, text: str) -> int:
    """Raises CommandError."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise CommandError(
            f"{command}: {text[:40]!r} is not the number of a change", "show changes lists the numbers"
        )
    return int(text)


def change_data(one: Change) -> dict[str, Any]:
    return {
        "id": one.id,
        "at": one.at.isoformat(),
        "user": one.actor.user,
        "address": one.actor.address,
        "channel": one.actor.channel,
        "name": one.name,
        "old": one.old,
        "new": one.new,
        "undoes": one.undoes,
        "undone_by": one.undone_by,
    }


def state_data(state: VariableState, rules: Rules, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    variable = state.variable
    return {
        "name": variable.name,
        "value": state.value,
        "shown": state.shown,
        "default": variable.default_for(rules.edition),
        "is_default": state.is_default,
        "expected": variable.expected(rules),
        "help": variable.help,
        "read_by": list(variable.read_by),
        "unavailable": state.unavailable or None,
        "next_runs": [each.isoformat() for each in next_runs(variable, state.value, now, zone)],
        "last_change": change_data(state.last_change) if state.last_change else None,
    }

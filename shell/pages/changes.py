"""What was changed since when, as commands: the one that does it, and the one that takes it back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from db.variables.states import Change
from db.variables.trials import Outcome, Trial
from shell import since
from shell.layout import Cell, moment, pairs, table
from shell.pages import words
from shell.registry import Context
from shell.reply import Reply
from shell.term import Line, Span, Style, Suggestion

MOST = 500
OFFERED = 20
BY_DEFAULT = "7d"


async def show_changes(context: Context, arguments: tuple[str, ...]) -> Reply:
    """Those that wait to be confirmed come first."""
    services = context.services
    start = since.parse(arguments[0] if arguments else BY_DEFAULT, services.now(), services.zone)
    changes = await services.variables.history(None, MOST)
    shown = [change for change in changes if _is_since(change, start)]
    waiting = await services.variables.waiting()
    lines = [*_waiting(context, waiting), *_listed(context, shown, start)]
    if len(shown) == MOST:
        lines.append(f"Only the last {MOST} are shown.")
    on_trial = {trial.change.id: trial for trial in waiting}
    return Reply(tuple(lines), [_data(change, on_trial.get(change.id)) for change in shown])


def command(change: Change) -> str:
    """What does the same in this shell."""
    if change.undoes is not None:
        return f"undo {change.undoes}"
    if change.new_is_default:
        return f"reset {change.name}"
    return f"set {change.name} {change.new or chr(34) * 2}"


def way_back(change: Change) -> str:
    return f"undo {change.id}" if change.undone_by is None else ""


async def numbers(context: Context) -> Sequence[Suggestion]:
    """The changes that may be taken back, for completion."""
    changes = await context.services.variables.history(None, OFFERED)
    return [Suggestion(str(each.id), command(each)) for each in changes if each.undone_by is None]


async def waiting_numbers(context: Context) -> Sequence[Suggestion]:
    waiting = await context.services.variables.waiting()
    return [Suggestion(str(trial.change.id), command(trial.change)) for trial in waiting]


async def confirm(context: Context, arguments: tuple[str, ...]) -> Reply:
    number = words.number_of_change("confirm", arguments[0]) if arguments else None
    kept = await context.services.variables.confirm(number)
    lines = [f"Change {trial.change.id} is kept: {command(trial.change)}." for trial in kept]
    return Reply(tuple(lines), [_data(trial.change, trial) for trial in kept])


async def notices(context: Context) -> tuple[Line, ...]:
    """For somebody who has just logged in: what became of his changes, and what waits."""
    variables, zone = context.services.variables, context.services.zone
    told = await variables.untold(context.actor.user) if context.may_change else ()
    lines: list[Line] = []
    for trial in told:
        change, at = trial.change, moment(trial.ended or trial.until, zone)
        ended = "was undone" if trial.outcome is Outcome.UNDONE else "could not be undone, and is kept"
        lines.append((Span(f"Your change {change.id} ({command(change)}) {ended} at {at}:", Style.BAD),))
        lines.append("  nobody confirmed it in time.")
    lines.extend(_waiting(context, await variables.waiting()))
    return tuple(lines)


def until(trial: Trial, context: Context) -> str:
    return f"{trial.until.astimezone(context.services.zone):%H:%M:%S}"


def _is_since(change: Change, start: datetime | int) -> bool:
    return change.id >= start if isinstance(start, int) else change.at >= start


def _waiting(context: Context, waiting: Sequence[Trial]) -> tuple[Line, ...]:
    if not waiting:
        return ()
    items: list[tuple[str, Cell]] = [
        (
            f"confirm {trial.change.id}",
            f"{command(trial.change)}, by {words.who(trial.change.actor)}; undone at {until(trial, context)}",
        )
        for trial in waiting
    ]
    return ((Span("Waiting to be confirmed:", Style.BAD),), *pairs(items, context.width), "")


def _listed(context: Context, changes: Sequence[Change], start: datetime | int) -> tuple[Line, ...]:
    zone = context.services.zone
    if not changes:
        when = f"change {start}" if isinstance(start, int) else moment(start, zone)
        return (f"Nothing has been changed since {when}.",)
    rows: list[tuple[Cell, ...]] = [
        (
            Span(way_back(each) or f"({each.id})", Style.KEY),
            moment(each.at, zone),
            _who(each),
            command(each),
            f"{words.bare(each.old)}{_fate(each)}",
        )
        for each in changes
    ]
    heading = ("Take back", "When", "Who", "Did", "Before")
    return table(rows, context.table_width, heading=heading, most=26)


def _who(change: Change) -> str:
    return f"{change.actor.user}, {change.actor.channel}" if change.actor.user else change.actor.channel


def _fate(change: Change) -> str:
    if change.undone_by is not None:
        return f" (taken back by {change.undone_by})"
    return " (nobody confirmed it)" if change.undoes is not None and change.actor.channel == "system" else ""


def _data(change: Change, trial: Trial | None) -> dict[str, Any]:
    return {
        **words.change_data(change),
        "command": command(change),
        "take_back": way_back(change) or None,
        "confirm_until": trial.until.isoformat() if trial and trial.waits else None,
    }

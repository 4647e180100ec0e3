"""System variables as commands: list, show, set, reset, undo, history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from db.variables.catalogue import find
from db.variables.states import Change, VariableState
from shell import trying
from shell.layout import Cell, ago, moment, pairs, paragraph, table
from shell.pages import observed, words
from shell.registry import Context
from shell.reply import CommandError, Reply
from shell.term import Line, Span, Style

HISTORY_LINES = 50


async def show_variables(context: Context, _arguments: tuple[str, ...]) -> Reply:
    states = await context.services.variables.all()
    now, zone = context.services.now(), context.services.zone
    data = [words.state_data(state, context.services.rules, now, zone) for state in states]
    return Reply(listing(context, states), data)


def listing(context: Context, states: Sequence[VariableState], *, numbered: bool = False) -> tuple[Line, ...]:
    """One line a variable: name, value, what it means, who set it."""
    heading = [*(["No."] if numbered else []), "Variable", "Value", "Meaning", "Set by"]
    rows: list[tuple[Cell, ...]] = []
    for number, state in enumerate(states, start=1):
        row: tuple[Cell, ...] = (
            Span(state.variable.name, Style.PLAIN if state.is_default else Style.TITLE),
            words.bare(state.value),
            (state.unavailable and "not in this edition") or state.shown,
            _setter(context, state),
        )
        rows.append((Span(f"{number:3}", Style.KEY), *row) if numbered else row)
    return table(rows, context.table_width, heading=heading, most=24)


async def show_variable(context: Context, arguments: tuple[str, ...]) -> Reply:
    state = await context.services.variables.get(arguments[0])
    now, zone = context.services.now(), context.services.zone
    seen = await observed.now(context, state.variable.name)
    return Reply(details(context, state, seen), words.state_data(state, context.services.rules, now, zone))


def details(context: Context, state: VariableState, seen: observed.Items = ()) -> tuple[Line, ...]:
    """Everything one may want to know before changing it: value, default, range, last change. `seen`: of its
    effect."""
    variable, services = state.variable, context.services
    now, zone = services.now(), services.zone
    runs = words.next_runs(variable, state.value, now, zone)
    choices = [f"{choice}: {meaning}" for choice, meaning in variable.values.choices()]
    items: list[tuple[str, Cell]] = [("Value", Span(words.value(variable, state.value), Style.TITLE))]
    if runs:
        items.append(("Next", words.runs(runs, zone)))
    items.append(("Default", words.default(state, services.rules)))
    items.append(("Right is", variable.expected(services.rules)))
    items.extend(("", choice) for choice in choices if len(choices) != 2)
    items.append(("Counts", words.effect(variable)))
    items.append(("Restarts", words.restarts(variable)))
    items.append(("Calls", words.calls(variable)))
    items.extend(seen)
    if variable.locks_out:
        items.append(("Careful", f"{variable.locks_out}; {_safer(variable.name)}"))
    if state.unavailable:
        items.append(("Edition", Span(state.unavailable, Style.BAD)))
    last = words.change(state.last_change, zone, now) if state.last_change else "never"
    items.append(("Last change", last))
    return (
        (Span(variable.name, Style.TITLE),),
        *paragraph(variable.help, context.width),
        *pairs(items, context.width),
    )


async def set_variable(context: Context, arguments: tuple[str, ...]) -> Reply:
    name, text = arguments[0], arguments[1] if len(arguments) > 1 else None
    if text is None:
        variable = find(name)
        expected = variable.expected(context.services.rules)
        raise CommandError(f"set {variable.name}: the value is missing", f'right is {expected}; blank is ""')
    value, trial = trying.split(text)
    change = await context.services.variables.set(name, _unquoted(value), context.actor, trial)
    return await _done(context, change, trial)


async def reset_variable(context: Context, arguments: tuple[str, ...]) -> Reply:
    return await _done(context, await context.services.variables.reset(arguments[0], context.actor))


async def undo(context: Context, arguments: tuple[str, ...]) -> Reply:
    number = words.number_of_change("undo", arguments[0]) if arguments else None
    change = await context.services.variables.undo(context.actor, number)
    return await _done(context, change)


async def _done(context: Context, change: Change, trial: timedelta | None = None) -> Reply:
    return changed(
        context, change, (*await observed.after(context, change), *_on_trial(context, change, trial))
    )


def _on_trial(context: Context, change: Change, trial: timedelta | None) -> observed.Items:
    variable = find(change.name)
    if not change.changed:
        return ()
    if trial is not None:
        at = f"{(change.at + trial).astimezone(context.services.zone):%H:%M:%S}"
        return (("Confirm", Span(f"confirm {change.id}, else it is undone at {at}", Style.BAD)),)
    if variable.locks_out and change.undoes is None and not change.new_is_default:
        return (("Careful", f"{variable.locks_out}; next time {_safer(variable.name)}"),)
    return ()


def _safer(name: str) -> str:
    return f"set {name} VALUE confirm 5 is undone by itself unless you confirm it within 5 min"


def changed(context: Context, change: Change, seen: observed.Items = ()) -> Reply:
    """What was understood, what it was before, what follows, and how to take it back."""
    variable, services = find(change.name), context.services
    now, zone = services.now(), services.zone
    new = words.value(variable, change.new)
    if not change.changed:
        return Reply((f"{change.name} is {new} already; nothing was changed.",), words.change_data(change))
    items: list[tuple[str, Cell]] = [
        ("Before", words.value(variable, change.old) + (", the default" if change.old_is_default else ""))
    ]
    if runs := words.next_runs(variable, change.new, now, zone):
        items.append(("Next", words.runs(runs, zone)))
    items.append(("Counts", words.effect(variable)))
    items.append(("Restarts", words.restarts(variable)))
    items.append(("Calls", words.calls(variable)))
    items.extend(seen)
    if change.undoes is not None:
        items.append(("Undone", f"change {change.undoes}"))
    items.append(("Take back", f"undo {change.id}"))
    tail = ", the default" if change.new_is_default else ""
    head: Line = (
        Span(f"{change.name} is now "),
        Span(new, Style.GOOD),
        Span(tail + "."),
    )
    return Reply((head, *pairs(items, context.width)), words.change_data(change))


async def show_history(context: Context, arguments: tuple[str, ...]) -> Reply:
    name = find(arguments[0]).name if arguments else None
    changes = await context.services.variables.history(name, HISTORY_LINES)
    data = [words.change_data(each) for each in changes]
    if not changes:
        return Reply(
            (
                f"{name or 'No variable'} has never been changed."
                if name
                else "Nothing has been changed yet.",
            ),
            data,
        )
    return Reply(history_table(context, changes), data)


def history_table(context: Context, changes: Sequence[Change]) -> tuple[Line, ...]:
    zone = context.services.zone
    rows: list[tuple[Cell, ...]] = [
        (
            Span(f"{each.id:4}", Style.KEY),
            moment(each.at, zone),
            each.actor.user or each.actor.channel,
            each.name,
            f"{words.bare(each.old)} -> {words.bare(each.new)}{_fate(each)}",
        )
        for each in changes
    ]
    return table(rows, context.table_width, heading=("No.", "When", "Who", "Variable", "Change"), most=21)


def _fate(change: Change) -> str:
    undoes = f" (takes back {change.undoes})" if change.undoes is not None else ""
    return undoes + (f" (taken back by {change.undone_by})" if change.undone_by is not None else "")


def _setter(context: Context, state: VariableState) -> str:
    if state.is_default or state.last_change is None:
        return "default"
    last = state.last_change
    return f"{last.actor.user or last.actor.channel}, {ago(last.at, context.services.now())}"


def _unquoted(text: str) -> str:
    """`""` and `"two words"` as people quote them elsewhere."""
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text

"""System Variables as pages with numbers. Every change is made by the command that makes it elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from db.errors import StoreError
from db.variables.catalogue import find
from db.variables.states import VariableState
from shell.obey import obey, sized
from shell.pager import page
from shell.pages import observed, variables
from shell.registry import Context
from shell.reply import failure_lines
from shell.screen import BACK, HEADING_ROWS, choice, heading, pause
from shell.term import Line, Span, Style, Term
from shell.trail import record

TITLE = "System Variables"


async def open_list(context: Context, term: Term) -> None:
    """Until the user goes back."""
    while True:
        states = await context.services.variables.all()
        await heading(context, term, TITLE)
        await page(term, variables.listing(sized(context, term), states, numbered=True), above=HEADING_ROWS)
        answer = await choice(term, "Number or name of a variable, 0 to go back: ")
        if answer in BACK:
            return
        name = await _chosen(term, states, answer)
        if name:
            await _open_one(context, term, name)


async def _chosen(term: Term, states: Sequence[VariableState], answer: str) -> str:
    if answer.isdecimal() and 1 <= int(answer[:4]) <= len(states):
        return states[int(answer[:4]) - 1].variable.name
    try:
        return find(answer).name
    except StoreError as exc:
        await term.show(*failure_lines(exc.message, exc.hint))
        await pause(term)
        return ""


async def _open_one(context: Context, term: Term, name: str) -> None:
    await record(context.services.audit, context.actor, "command", f"show variable {name}")
    while True:
        await heading(context, term, TITLE)
        state = await context.services.variables.get(name)
        seen = await observed.now(context, name)
        await page(term, variables.details(sized(context, term), state, seen), above=HEADING_ROWS)
        await term.show("", *_actions(context))
        answer = await choice(term, "Number, 0 to go back: ")
        if answer in BACK:
            return
        await _act(context, term, name, answer)
        await pause(term)


def _actions(context: Context) -> tuple[Line, ...]:
    changing = ("Set a new value", "Reset to the default", "Undo the last change")
    titles = [*(changing if context.may_change else ()), "History"]
    return tuple(
        (Span(f"  {number}", Style.KEY), Span(f"  {title}"))
        for number, title in [*enumerate(titles, start=1), (0, "Back")]
    )


async def _act(context: Context, term: Term, name: str, answer: str) -> None:
    commands = [f"set {name}", f"reset {name}", "", f"show history {name}"]
    if not context.may_change:
        commands = commands[3:]
    if not (answer.isdecimal() and 1 <= int(answer[:4]) <= len(commands)):
        await term.show(*failure_lines(f"{answer!r} is not one of the numbers", ""))
        return
    command = commands[int(answer[:4]) - 1]
    if command.startswith("set "):
        value = await choice(term, f'New value of {name} ("" for blank, Enter to keep it): ')
        if not value:
            return
        command = f"{command} {value}"
    await obey(context, term, command or await _undo_of(context, name))


async def _undo_of(context: Context, name: str) -> str:
    """The command that takes back the last change of this variable, not of any other."""
    changes = await context.services.variables.history(name, 20)
    open_ones = [each.id for each in changes if each.undone_by is None and each.undoes is None]
    return f"undo {open_ones[0]}" if open_ones else f"show history {name}"

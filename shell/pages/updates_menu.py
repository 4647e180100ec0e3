"""Updates as pages with numbers; what they do is done by the commands."""

from __future__ import annotations

from collections.abc import Sequence

from shell.obey import obey, sized
from shell.pager import page
from shell.pages import updates
from shell.ports import SystemUnavailableError
from shell.registry import Context
from shell.reply import CommandError, failure_lines
from shell.screen import BACK, HEADING_ROWS, choice, heading, pause
from shell.term import Line, Span, Style, Term
from shell.update_ports import Update, UpdateRefusedError, UpdateState

TITLE = "Updates"
_Actions = list[tuple[str, str]]
"""Titles and commands; one that ends in a blank asks for a time."""


async def open_updates(context: Context, term: Term) -> None:
    """Until the user goes back. First the updates by their numbers, then what can be done without one."""
    while True:
        await heading(context, term, TITLE)
        try:
            found = await updates.port(context).listed()
            state = await updates.port(context).state()
        except (UpdateRefusedError, SystemUnavailableError) as exc:
            await term.show(*failure_lines(f"the updates cannot be looked at: {exc}", ""))
            await pause(term)
            return
        wide = sized(context, term)
        lines = (*updates.going_on(wide, state), *updates.listing(wide, found, numbered=True))
        await page(term, lines, above=HEADING_ROWS)
        actions = _actions(context, found, state)
        await term.show("", *_numbered(actions, len(found) + 1))
        answer = await choice(term, "Number of an update or a line, 0 to go back: ")
        if answer in BACK:
            return
        number = int(answer[:4]) if answer.isdecimal() else 0
        if 1 <= number <= len(found):
            await _open_one(context, term, found[number - 1].name)
        else:
            await _act(context, term, actions, number - len(found), answer)
            await pause(term)


async def _open_one(context: Context, term: Term, name: str) -> None:
    while True:
        await heading(context, term, TITLE)
        try:
            each = await updates.named(context, name)
        except CommandError:
            return  # it has been deleted
        await page(term, updates.details(sized(context, term), each), above=HEADING_ROWS)
        actions = _actions_of(context, each)
        await term.show("", *_numbered(actions, 1))
        answer = await choice(term, "Number, 0 to go back: ")
        if answer in BACK:
            return
        await _act(context, term, actions, int(answer[:4]) if answer.isdecimal() else 0, answer)
        await pause(term)


def _actions(context: Context, found: Sequence[Update], state: UpdateState | None) -> _Actions:
    standing = {each.state for each in found}
    planned = state is not None and not state.done and state.at is not None
    some: _Actions = []
    if context.may_change:
        some += [("Cancel what is planned", "update cancel")] if planned else []
        some += [("Reboot into the installed one", "update reboot")] if "installed" in standing else []
        some += [("Back to the version before", "update back")] if {"running", "previous"} & standing else []
    some.append(("How far it is, or what came of the last one", "update status"))
    some.append(("Former updates", "update history"))
    return some


def _actions_of(context: Context, each: Update) -> _Actions:
    if not context.may_change:
        return []
    how = " downgrade" if each.downgrade else ""
    found: _Actions = []
    if each.installable and each.state == "ready":
        as_what = ", as a downgrade" if each.downgrade else ""
        found.append((f"Install it now{as_what}", f"update install {each.name}{how}"))
        found.append((f"Install it at a time{as_what}", f"update install {each.name}{how} at "))
    match each.state:
        case "installed":
            found.append(("Reboot into it", "update reboot"))
        case "previous":
            found.append(("Back to it", "update back"))
        case "ready" | "refused":
            found.append(("Delete it", f"update delete {each.name}"))
    return found


async def _act(context: Context, term: Term, actions: _Actions, number: int, answer: str) -> None:
    if not 1 <= number <= len(actions):
        await term.show(*failure_lines(f"{answer!r} is not one of the numbers", ""))
        return
    command = actions[number - 1][1]
    if command.endswith(" "):
        time = await choice(term, "Time (HH:MM, or YYYY-MM-DD HH:MM; Enter for none): ")
        if not time:
            return
        command += time
    await obey(context, term, command)


def _numbered(actions: _Actions, start: int) -> tuple[Line, ...]:
    rows = [*enumerate((title for title, _ in actions), start=start), (0, "Back")]
    return tuple((Span(f"{number:>3}", Style.KEY), Span(f"  {title}")) for number, title in rows)

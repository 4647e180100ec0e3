"""System Information: what matters most within 80 columns, and on top whether all is well."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from db.errors import StoreError
from db.variables.states import Change
from shell.info import Data, Sight, info
from shell.layout import Cell, pairs
from shell.pages import information_columns as columns
from shell.pages import information_tables as tables
from shell.pages.jobs import plan, plan_table
from shell.ports import Status, SystemUnavailableError
from shell.registry import Context
from shell.reply import Reply
from shell.term import Line, Span, Style, plain, width

CHANGES = 3
LABEL = 8


async def show_info(context: Context, _arguments: tuple[str, ...]) -> Reply:
    services = context.services
    changes = await _changes(context)
    status: Status = {}
    unreachable = ""
    try:
        status = await services.system.status()
    except SystemUnavailableError as exc:
        unreachable = f"the supervisor does not answer: {exc}"
    sight = Sight(
        at=services.now(),
        version=services.version,
        unreachable=unreachable,
        telnet=context.sessions(),
        people=context.people.all(),
        changes=changes,
    )
    data = info(status, sight)
    return Reply((*_top(data["problems"]), "", *_body(context, status, data, changes)), data)


async def _changes(context: Context) -> Sequence[Change]:
    """None when the store is damaged: whoever comes to repair it must see the rest."""
    try:
        return await context.services.variables.history(None, CHANGES)
    except StoreError:
        return ()


def _top(wrong: Sequence[str]) -> tuple[Line, ...]:
    if not wrong:
        return ((Span("OK", Style.GOOD),),)
    return tuple((Span(problem, Style.BAD),) for problem in wrong)


def _body(context: Context, status: Status, data: Data, changes: Sequence[Change]) -> tuple[Line, ...]:
    lines: list[Line] = []
    if status:
        half = (context.width - 2) // 2
        left = (
            *_block("System", columns.system(context, status, data), half),
            *_block("Network", columns.network(data["network"]), half),
        )
        right = (
            *_block("Calls", columns.calls(data), half),
            *_block("Data", columns.data(context, data), half),
        )
        lines.extend(_beside(left, right, half))
        for rows in (
            tables.processes(context, data),
            tables.peers(context, data),
            tables.certificates(context, data),
            tables.fingerprint(data),
            plan_table(context, plan(status)),
        ):
            lines.extend(("", *rows) if rows else ())
    for title, rows in (
        ("Logged in", tables.people(context, data)),
        ("Last warnings and errors", tables.alarms(context, data)),
        ("Last changes", tables.changes(context, changes)),
    ):
        if rows:
            lines.extend(("", (Span(title, Style.TITLE),), *rows))
    return tuple(lines)


def _block(title: str, items: list[tuple[str, Cell]], room: int) -> tuple[Line, ...]:
    return ((Span(title, Style.TITLE),), *pairs(items, room, label=LABEL))


def _beside(left: Sequence[Line], right: Sequence[Line], half: int) -> tuple[Line, ...]:
    def whole(a: Line, b: Line) -> Line:
        spans = (Span(a),) if isinstance(a, str) else a
        gap = " " * max(2, half + 2 - width(plain(a)))
        return (*spans, Span(gap), *((Span(b),) if isinstance(b, str) else b))

    return tuple(whole(a, b) for a, b in zip_longest(left, right, fillvalue=""))

"""Call records: the latest, and one with its explanation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shell.layout import Cell, duration, moment, pairs, paragraph, table
from shell.office_ports import CallRecord
from shell.registry import Context
from shell.reply import CommandError, Reply
from shell.term import Line, Span, Style, Suggestion

MOST = 50
SHOWN_OF_ID = 8
BAD = frozenset({"failed"})


async def show_calls(context: Context, _arguments: tuple[str, ...]) -> Reply:
    calls, zone = await context.services.office.calls.latest(MOST), context.services.zone
    if not calls:
        return Reply(("There has been no call yet.",), [])
    rows: list[tuple[Cell, ...]] = [
        (
            Span(call.id[:SHOWN_OF_ID], Style.KEY),
            moment(call.started, zone),
            call.caller_name or call.caller or "anonymous",
            call.group or call.dialled,
            _result(call),
        )
        for call in calls
    ]
    heading = ("Call", "When", "Caller", "Group", "Result")
    lines = table(rows, context.table_width, heading=heading, most=18)
    return Reply(lines, [_data(call) for call in calls])


async def show_call(context: Context, arguments: tuple[str, ...]) -> Reply:
    found = await context.services.office.calls.beginning(arguments[0])
    if not found:
        raise CommandError(f"there is no call {arguments[0][:40]!r}", "show calls lists the latest")
    if len(found) > 1:
        which = ", ".join(call.id for call in found[:3])
        raise CommandError(f"{arguments[0][:40]!r} is the beginning of several calls", f"such as {which}")
    return Reply(_details(context, found[0]), _data(found[0]))


async def latest_ids(context: Context) -> tuple[Suggestion, ...]:
    """For completion."""
    zone = context.services.zone
    calls = await context.services.office.calls.latest(20)
    return tuple(
        Suggestion(
            call.id[:SHOWN_OF_ID],
            f"{moment(call.started, zone)}  {call.caller} to {call.group}: {call.result}",
        )
        for call in calls
    )


def _details(context: Context, call: CallRecord) -> tuple[Line, ...]:
    zone = context.services.zone
    who = f"{call.caller_name} ({call.caller})" if call.caller_name else call.caller or "anonymous"
    items: list[tuple[str, Cell]] = [
        ("Caller", f"{who}{', VIP' if call.vip else ''}"),
        ("Called", f"{call.dialled} ({call.group})" if call.group else call.dialled),
        ("Began", _exact(call, 0.0, zone)),
        ("Result", Span(_result(call), Style.BAD if call.result in BAD else Style.TITLE)),
        ("Status", f"{call.status} to the caller"),
    ]
    lines: list[Line] = [(Span(f"Call {call.id}", Style.TITLE),), *pairs(items, context.width), ""]
    for step in call.steps:
        first, *rest = paragraph(step.text, context.width, indent=11) or ("",)
        at = _exact(call, step.at_s, zone)[11:]
        lines.append((Span(f"{at}  ", Style.LABEL), Span(str(first).strip())))
        lines.extend(rest)
    return tuple(lines)


def _exact(call: CallRecord, at_s: float, zone: ZoneInfo) -> str:
    return f"{(call.started + timedelta(seconds=at_s)).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _result(call: CallRecord) -> str:
    if call.result != "answered":
        return f"{call.result} ({call.status})" if call.status else call.result
    return f"answered by {call.agent or 'somebody'}, {duration(call.talk_s)}"


def _data(call: CallRecord) -> dict[str, Any]:
    return {
        "id": call.id,
        "started": call.started.isoformat(),
        "ended": call.ended.isoformat(),
        "caller": call.caller,
        "caller_name": call.caller_name,
        "dialled": call.dialled,
        "group": call.group,
        "vip": call.vip,
        "result": call.result,
        "status": call.status,
        "agent": call.agent,
        "talk_s": call.talk_s,
        "ring_s": call.ring_s,
        "steps": [{"at_s": step.at_s, "text": step.text} for step in call.steps],
    }

"""Sessions: who is logged in over Telnet, a word to him, and the door."""

from __future__ import annotations

from collections.abc import Sequence

from shell.layout import Cell, duration, moment, table
from shell.registry import Context
from shell.reply import CommandError, Reply
from shell.sessions_ports import SessionState
from shell.term import Line, Span, Style, Suggestion

HEADING = ("No", "User", "From", "Since", "Idle", "Screen", "TLS", "Doing")
EVERYBODY = "all"


async def show_sessions(context: Context, _arguments: tuple[str, ...]) -> Reply:
    states = context.people.all()
    return Reply(listing(context, states), [_data(context, each) for each in states])


async def send_message(context: Context, arguments: tuple[str, ...]) -> Reply:
    whom, text = arguments
    to = None if whom.lower() == EVERYBODY else _number(whom)
    sent = context.people.message(context.own.number, to, text)
    told: list[Line] = [f"Shown to {_sessions(sent.reached)}."] if sent.reached else []
    if sent.withheld:
        told.append(f"Not shown to {_sessions(sent.withheld)}: a script, or just leaving.")
    return Reply(tuple(told))


async def disconnect(context: Context, arguments: tuple[str, ...]) -> Reply:
    number, reason = _number(arguments[0]), arguments[1] if len(arguments) > 1 else ""
    state = context.people.disconnect(context.own.number, number, reason)
    return Reply((f"Session {number} of {state.user} from {state.address} is disconnected.",))


async def others(context: Context) -> Sequence[Suggestion]:
    """Sessions besides this one, for completion."""
    return [
        Suggestion(str(each.number), f"{each.user} from {each.address}")
        for each in context.people.all()
        if each.number != context.own.number
    ]


async def others_or_all(context: Context) -> Sequence[Suggestion]:
    return [Suggestion(EVERYBODY, "everybody but yourself"), *await others(context)]


def listing(context: Context, states: Sequence[SessionState]) -> tuple[Line, ...]:
    own = context.own.number
    rows: list[tuple[Cell, ...]] = [
        (
            Span(f"{each.number}{'*' if each.number == own else ''}", Style.KEY),
            each.user,
            each.address,
            _since(context, each),
            duration(each.idle_s),
            each.front_end,
            each.encryption.removeprefix("TLSv") or "no",
            each.doing or "-",
        )
        for each in states
    ]
    return (*table(rows, context.table_width, heading=HEADING, most=22, whole=True), "", "* is this session")


def _since(context: Context, state: SessionState) -> str:
    """On a screen, of today the time alone: there is no room for more."""
    zone, now = context.services.zone, context.services.now()
    since = state.since.astimezone(zone)
    today = context.table_width is not None and since.date() == now.astimezone(zone).date()
    return f"{since:%H:%M}" if today else moment(since, zone)


def _data(context: Context, state: SessionState) -> dict[str, object]:
    return {
        "session": state.number,
        "own": state.number == context.own.number,
        "user": state.user,
        "roles": sorted(state.roles),
        "address": state.address,
        "since": state.since.isoformat(),
        "idle_s": round(state.idle_s, 1),
        "front_end": state.front_end,
        "encryption": state.encryption or None,
        "doing": state.doing,
    }


def _sessions(numbers: Sequence[int]) -> str:
    said = ", ".join(map(str, numbers))
    return f"session {said}" if len(numbers) == 1 else f"sessions {said}"


def _number(text: str) -> int:
    if not (text.isdecimal() and len(text) < 10):
        raise CommandError(f"{text!r} is no number of a session", "show sessions lists them")
    return int(text)

"""System Information: the most important facts within 80 columns, and on top whether all is well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from db.variables.states import Change
from shell.health import GOOD_STATES, facts, problems
from shell.layout import Cell, duration, moment, pairs
from shell.layout import table as tabular
from shell.pages import clock_words, observed, words
from shell.pages.jobs import plan, plan_table
from shell.peers import DOWN, UP, peers
from shell.ports import Status, SystemUnavailableError
from shell.reading import UNKNOWN, number, service, table, tables, text
from shell.registry import Context
from shell.reply import Reply
from shell.term import Line, Span, Style, plain, width

CHANGES = 3
STOCK = "stock wheel"
"""As the media server calls the engine that carries few legs."""


async def show_info(context: Context, _arguments: tuple[str, ...]) -> Reply:
    services = context.services
    changes = await services.variables.history(None, CHANGES)
    try:
        status: Status = await services.system.status()
        wrong = problems(status)
    except SystemUnavailableError as exc:
        status, wrong = {}, (f"the supervisor does not answer: {exc}",)
    data = {
        "ok": not wrong,
        "problems": list(wrong),
        "system": dict(status),
        "telnet": dict(context.sessions()),
        "last_changes": [words.change_data(each) for each in changes],
    }
    return Reply((*_top(wrong), "", *_body(context, status, changes)), data)


def _top(wrong: Sequence[str]) -> tuple[Line, ...]:
    if not wrong:
        return ((Span("OK", Style.GOOD),),)
    return tuple((Span(problem, Style.BAD),) for problem in wrong)


def _body(context: Context, status: Status, changes: Sequence[Change]) -> tuple[Line, ...]:
    lines: list[Line] = []
    if status:
        half = (context.width - 2) // 2
        left = _block("System", _system(context, status), half)
        right = (*_block("Calls", _calls(status), half), *_block("Data", _data(status), half))
        lines.extend(_beside(left, right, half))
        lines.extend(("", *_services(context, status), *_peers(context, status)))
        lines.extend(("", *plan_table(context, plan(status))))
    if changes:
        lines.extend(("", (Span("Last changes", Style.TITLE),)))
        zone = context.services.zone
        lines.extend(
            f"  {moment(one.at, zone)}  {one.actor.user or one.actor.channel}  {one.name}: "
            f"{words.bare(one.old)} -> {words.bare(one.new)}"
            for one in changes
        )
    return tuple(lines)


def _system(context: Context, status: Status) -> list[tuple[str, Cell]]:
    known, host, telnet = facts(status), table(status, "host"), context.sessions()
    local = context.services.now().astimezone(context.services.zone)
    return [
        ("Product", f"Callisto {known.version or context.services.version or UNKNOWN}"),
        ("Edition", known.edition or UNKNOWN),
        ("Host", known.hostname or UNKNOWN),
        ("Time", f"{local:%Y-%m-%d %H:%M %Z}"),
        ("Server", _time_server(status)),
        ("Up", _since(number(host, "uptime_s"))),
        ("Load", _load(host.get("load"))),
        ("Memory", _free(host, "memory")),
        ("Disk", _free(host, "disk")),
        ("Telnet", f"{telnet.get('sessions', 0)} of {telnet.get('limit', 0)} sessions"),
    ]


def _time_server(status: Status) -> str:
    """gTimeServer, and whether this machine is in step with it."""
    known = observed.clock(status)
    return clock_words.brief(known) if known else UNKNOWN


def _calls(status: Status) -> list[tuple[str, Cell]]:
    known = table(service(status, "router"), "facts")

    def say(key: str) -> str:
        return text(known, key) or UNKNOWN

    return [
        ("Legs", f"{say('legs_in_use')} of {say('capacity')} in use"),
        ("Calls", f"{say('calls_now')} now, {say('calls_total')} in all"),
        ("Peak", f"{say('peak')} at once, {say('refused_busy')} refused"),
        ("Media", _media(status)),
    ]


def _media(status: Status) -> str:
    """The media server, which carries the calls with an announcement or a conversion."""
    known = table(service(status, "media"), "facts")
    engine = " ".join(part for part in (text(known, "engine"), text(known, "build")) if part)
    if not engine:
        return UNKNOWN
    legs = f"{text(known, 'legs_in_use') or UNKNOWN} of {text(known, 'capacity') or UNKNOWN} legs in use"
    more = "; make engine builds one for 2048" if text(known, "build") == STOCK else ""
    return f"{engine}, {legs}{more}"


def _peers(context: Context, status: Status) -> tuple[Line, ...]:
    """Nothing when there is none."""
    zone = context.services.zone
    rows: list[tuple[Cell, ...]] = [
        (
            each.name,
            each.address,
            Span(
                each.state,
                Style.GOOD if each.state == UP else Style.BAD if each.state == DOWN else Style.PLAIN,
            ),
            moment(each.since, zone) if each.since else "-",
            ": ".join(part for part in (each.registration, each.problem) if part) or "-",
        )
        for each in peers(status)
    ]
    heading = ("Peer", "Address", "State", "Since", "Registration")
    return ("", *tabular(rows, context.table_width, heading=heading)) if rows else ()


def _data(status: Status) -> list[tuple[str, Cell]]:
    store, spool = table(status, "store"), table(status, "spool")
    return [
        ("Store", _end(text(store, "url_shown"), 27) or UNKNOWN),
        ("Schema", f"{text(store, 'schema') or UNKNOWN}, revision {text(store, 'revision') or UNKNOWN}"),
        ("Spool", f"{text(spool, 'pending') or UNKNOWN} calls to store"),
    ]


def _services(context: Context, status: Status) -> tuple[Line, ...]:
    rows: list[tuple[Cell, ...]] = []
    for each in tables(status, "services"):
        state = text(each, "state") or UNKNOWN
        rows.append(
            (
                text(each, "name") or UNKNOWN,
                Span(state, Style.GOOD if state in GOOD_STATES else Style.BAD),
                text(each, "pid") or "-",
                _since(number(each, "uptime_s")),
                text(each, "restarts") or "0",
                text(each, "last_exit") or "-",
            )
        )
    heading = ("Process", "State", "Pid", "Up", "Restarts", "Last exit")
    return tabular(rows, context.table_width, heading=heading) if rows else ()


def _block(title: str, items: list[tuple[str, Cell]], columns: int) -> tuple[Line, ...]:
    return ((Span(title, Style.TITLE),), *pairs(items, columns, label=8))


def _beside(left: Sequence[Line], right: Sequence[Line], half: int) -> tuple[Line, ...]:
    def whole(a: Line, b: Line) -> Line:
        spans = (Span(a),) if isinstance(a, str) else a
        gap = " " * max(2, half + 2 - width(plain(a)))
        return (*spans, Span(gap), *((Span(b),) if isinstance(b, str) else b))

    return tuple(whole(a, b) for a, b in zip_longest(left, right, fillvalue=""))


def _free(host: Mapping[str, Any], what: str) -> str:
    size, free = number(host, f"{what}_mb"), number(host, f"{what}_free_mb")
    if size is None or free is None:
        return UNKNOWN
    return f"{_size(free)} of {_size(size)} free"


def _end(path: str, room: int) -> str:
    """Of a long path the end says most; all of it is in the JSON."""
    return path if len(path) <= room else "…" + path[1 - room :]


def _size(megabytes: float) -> str:
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 10240 else f"{megabytes:.0f} MB"


def _since(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else duration(seconds)


def _load(found: object) -> str:
    if not isinstance(found, list) or not found or not all(isinstance(each, int | float) for each in found):
        return UNKNOWN
    return " ".join(f"{each:.2f}" for each in found)

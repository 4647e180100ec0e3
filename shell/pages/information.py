"""System Information: what matters most within 80 columns, and on top whether all is well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

from shell.health import EDITIONS, GOOD_STATES
from shell.info import Data, Sight, info
from shell.layout import Cell, duration, moment, pairs
from shell.layout import table as tabular
from shell.pages import clock_words, observed, words
from shell.pages.jobs import plan, plan_table
from shell.peers import DOWN, UP
from shell.ports import Status, SystemUnavailableError
from shell.reading import UNKNOWN, instant
from shell.registry import Context
from shell.reply import Reply
from shell.term import Line, Span, Style, plain, width

CHANGES = 3
STOCK = "stock wheel"
"""As the media server calls the engine that carries few legs."""
LABEL = 8


async def show_info(context: Context, _arguments: tuple[str, ...]) -> Reply:
    services = context.services
    changes = await services.variables.history(None, CHANGES)
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


def _top(wrong: Sequence[str]) -> tuple[Line, ...]:
    if not wrong:
        return ((Span("OK", Style.GOOD),),)
    return tuple((Span(problem, Style.BAD),) for problem in wrong)


def _body(context: Context, status: Status, data: Data, changes: Sequence[Any]) -> tuple[Line, ...]:
    lines: list[Line] = []
    if status:
        half = (context.width - 2) // 2
        left = (
            *_block("System", _system(context, status, data), half),
            *_block("Network", _network(data["network"]), half),
        )
        right = (
            *_block("Calls", _calls(data), half),
            *_block("Data", _data(context, data), half),
        )
        lines.extend(_beside(left, right, half))
        for rows in (
            _processes(context, data),
            _peers(context, data),
            _certificates(context, data),
            _fingerprint(data),
            plan_table(context, plan(status)),
        ):
            lines.extend(("", *rows) if rows else ())
    for title, rows in (
        ("Logged in", _people(context, data)),
        ("Last warnings and errors", _alarms(context, data)),
        ("Last changes", _changes(context, changes)),
    ):
        if rows:
            lines.extend(("", (Span(title, Style.TITLE),), *rows))
    return tuple(lines)


# Two columns


def _system(context: Context, status: Status, data: Data) -> list[tuple[str, Cell]]:
    product, host, telnet = data["product"], data["host"], data["telnet"] or {}
    local = context.services.now().astimezone(context.services.zone)
    edition = product["edition"] or UNKNOWN
    return [
        ("Product", f"Callisto {product['version'] or UNKNOWN}"),
        ("Edition", EDITIONS.get(edition, edition)),
        ("Host", host["hostname"] or UNKNOWN),
        ("Time", f"{local:%Y-%m-%d %H:%M %Z}"),
        ("Server", _time_server(status)),
        ("Up", _since(host["uptime_s"])),
        ("Load", _load(host)),
        ("Memory", _free(host, "memory")),
        ("Disk", _free(host, "disk")),
        ("Telnet", f"{_say(telnet, 'sessions')} of {_say(telnet, 'limit')} sessions"),
    ]


def _time_server(status: Status) -> str:
    """gTimeServer, and whether this machine is in step with it."""
    known = observed.clock(status)
    return clock_words.brief(known) if known else UNKNOWN


def _network(network: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    outside = [each for each in network["interfaces"] if each["name"] != "lo" and each["addresses"]]
    addresses = ", ".join(f"{', '.join(each['addresses'])} ({each['name']})" for each in outside)
    return [
        ("Listens", network["listen"] or UNKNOWN),
        ("Address", addresses or "none but loopback"),
        ("Gateway", network["gateway"] or "none"),
        ("DNS", ", ".join(network["name_servers"]) or "none"),
    ]


def _calls(data: Data) -> list[tuple[str, Cell]]:
    calls, table = data["calls"] or {}, data["routing_table"] or {}
    groups = f"{_say(table, 'groups')} groups" if table else UNKNOWN
    return [
        ("Legs", f"{_say(calls, 'legs_in_use')} of {_say(calls, 'capacity')} in use"),
        ("Calls", f"{_say(calls, 'calls_now')} now, {_say(calls, 'calls_total')} in all"),
        ("Peak", f"{_say(calls, 'peak')} at once, {_say(calls, 'refused_busy')} refused"),
        ("Media", _media(data["media"])),
        ("Table", groups),
    ]


def _media(media: Mapping[str, Any] | None) -> str:
    """The media server, which carries the calls with an announcement or a conversion."""
    engine = " ".join(media[key] for key in ("engine", "build") if media[key]) if media else ""
    if not engine or media is None:
        return UNKNOWN
    legs = f"{_say(media, 'legs_in_use')} of {_say(media, 'capacity')} legs in use"
    more = "; make engine builds one for 2048" if media["build"] == STOCK else ""
    return f"{engine}, {legs}{more}"


def _data(context: Context, data: Data) -> list[tuple[str, Cell]]:
    store = data["store"]
    return [
        ("Store", _end(store["url"] or UNKNOWN, 27)),
        ("Size", UNKNOWN if store["size_mb"] is None else _size(store["size_mb"])),
        ("Schema", f"{_say(store, 'schema')}, revision {_say(store, 'revision')}"),
        ("Sound", _sound(context, store)),
        ("Spool", f"{_say(data['spool'], 'pending')} calls to store"),
    ]


def _sound(context: Context, store: Mapping[str, Any]) -> Cell:
    if store["sound"] is None:
        return "not looked at; self test does"
    at = instant(store, "looked_at")
    when = f", {moment(at, context.services.zone)}" if at else ""
    return Span(f"yes{when}", Style.GOOD) if store["sound"] else Span(f"NO{when}", Style.BAD)


# Tables


def _processes(context: Context, data: Data) -> tuple[Line, ...]:
    rows: list[tuple[Cell, ...]] = [
        (
            each["name"] or UNKNOWN,
            Span(each["state"], Style.GOOD if each["state"] in GOOD_STATES else Style.BAD),
            _or(each["pid"]),
            _since(each["uptime_s"]) if each["uptime_s"] is not None else "-",
            "-" if each["cpu_percent"] is None else f"{each['cpu_percent']:.1f} %",
            "-" if each["memory_mb"] is None else f"{each['memory_mb']} MB",
            _or(each["restarts"]),
            each["last_exit"] or "-",
        )
        for each in data["processes"]
    ]
    heading = ("Process", "State", "Pid", "Up", "CPU", "Memory", "Restarts", "Last exit")
    return tabular(rows, context.table_width, heading=heading)


def _peers(context: Context, data: Data) -> tuple[Line, ...]:
    """Nothing when there is none."""
    zone = context.services.zone
    rows: list[tuple[Cell, ...]] = []
    for each in data["peers"]:
        style = {UP: Style.GOOD, DOWN: Style.BAD}.get(each["state"], Style.PLAIN)
        since = instant(each, "since")
        registration = {True: "registered", False: "not registered"}.get(each["registered"])
        said = ": ".join(part for part in (registration, each["problem"]) if part) or "-"
        at = moment(since, zone) if since else "-"
        rows.append((each["name"], each["address"], Span(each["state"], style), at, said))
    heading = ("Peer", "Address", "State", "Since", "Registration")
    return tabular(rows, context.table_width, heading=heading) if rows else ()


def _certificates(context: Context, data: Data) -> tuple[Line, ...]:
    rows: list[tuple[Cell, ...]] = []
    for each in data["certificates"]:
        ends, left = instant(each, "expires"), each["days_left"]
        when = f"{ends:%Y-%m-%d}, in {left} days" if ends else each["problem"] or UNKNOWN
        bad = ends is None or left is None or left < 0
        rows.append((each["setting"] or UNKNOWN, each["subject"] or "-", Span(when, _bad(bad=bad))))
    heading = ("Certificate", "Name", "Ends")
    return tabular(rows, context.table_width, heading=heading) if rows else ()


def _fingerprint(data: Data) -> tuple[Line, ...]:
    """What a client of Telnet over TLS is shown, to compare."""
    telnet = data["telnet"] or {}
    found = telnet.get("tls_fingerprint") or ""
    if not found:
        return ()
    title = f"Telnet over TLS, port {_say(telnet, 'tls_port')}: SHA-256 of the certificate"
    return ((Span(title, Style.TITLE),), f"  {found.replace(':', '').lower()}")


def _people(context: Context, data: Data) -> tuple[Line, ...]:
    zone = context.services.zone
    rows = [
        (
            f"  {each['user']}",
            each["address"],
            f"since {moment(datetime.fromisoformat(each['since']), zone)}",
            each["doing"] or f"idle {duration(each['idle_s'])}",
        )
        for each in data["logged_in"]
    ]
    return tabular(rows, context.table_width)


def _alarms(context: Context, data: Data) -> tuple[Line, ...]:
    rows: list[tuple[Cell, ...]] = []
    for each in data["last_alarms"]:
        at = instant(each, "at")
        when = moment(at, context.services.zone) if at else UNKNOWN
        bad = _bad(bad=each["level"] == "error")
        rows.append((f"  {when}", each["process"], Span(each["text"], bad)))
    return tabular(rows, context.table_width)


def _changes(context: Context, changes: Sequence[Any]) -> tuple[Line, ...]:
    zone = context.services.zone
    return tuple(
        f"  {moment(one.at, zone)}  {one.actor.user or one.actor.channel}  {one.name}: "
        f"{words.bare(one.old)} -> {words.bare(one.new)}"
        for one in changes
    )


# Words


def _bad(*, bad: bool) -> Style:
    return Style.BAD if bad else Style.PLAIN


def _say(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    return UNKNOWN if value is None else str(value)


def _or(value: object) -> str:
    return "-" if value is None else str(value)


def _block(title: str, items: list[tuple[str, Cell]], columns: int) -> tuple[Line, ...]:
    return ((Span(title, Style.TITLE),), *pairs(items, columns, label=LABEL))


def _beside(left: Sequence[Line], right: Sequence[Line], half: int) -> tuple[Line, ...]:
    def whole(a: Line, b: Line) -> Line:
        spans = (Span(a),) if isinstance(a, str) else a
        gap = " " * max(2, half + 2 - width(plain(a)))
        return (*spans, Span(gap), *((Span(b),) if isinstance(b, str) else b))

    return tuple(whole(a, b) for a, b in zip_longest(left, right, fillvalue=""))


def _free(host: Mapping[str, Any], what: str) -> str:
    size, free = host[f"{what}_mb"], host[f"{what}_free_mb"]
    if size is None or free is None:
        return UNKNOWN
    return f"{_size(free)} of {_size(size)} free"


def _end(path: str, room: int) -> str:
    """Of a long path the end says most; all of it is in the JSON."""
    return path if len(path) <= room else "…" + path[1 - room :]


def _size(megabytes: float) -> str:
    if megabytes < 10 and megabytes % 1:
        return f"{megabytes:.1f} MB"
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 10240 else f"{megabytes:.0f} MB"


def _since(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else duration(seconds)


def _load(host: Mapping[str, Any]) -> str:
    if host["load"] is None:
        return UNKNOWN
    cpus = f" on {host['cpus']} CPUs" if host["cpus"] else ""
    return " ".join(f"{each:.2f}" for each in host["load"]) + cpus

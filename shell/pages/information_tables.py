"""The tables of System Information. Each is empty where there is nothing to tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from db.variables.states import Change
from shell.health import GOOD_STATES
from shell.info import Data
from shell.layout import Cell, duration, moment
from shell.layout import table as tabular
from shell.pages import words
from shell.pages.information_words import or_dash, say, up_words
from shell.peers import DOWN, UP
from shell.reading import UNKNOWN, instant
from shell.registry import Context
from shell.term import Line, Span, Style


def processes(context: Context, data: Data) -> tuple[Line, ...]:
    rows: list[tuple[Cell, ...]] = [
        (
            each["name"] or UNKNOWN,
            Span(each["state"], Style.GOOD if each["state"] in GOOD_STATES else Style.BAD),
            or_dash(each["pid"]),
            up_words(each["uptime_s"]) if each["uptime_s"] is not None else "-",
            "-" if each["cpu_percent"] is None else f"{each['cpu_percent']:.1f} %",
            "-" if each["memory_mb"] is None else f"{each['memory_mb']} MB",
            or_dash(each["restarts"]),
            each["last_exit"] or "-",
        )
        for each in data["processes"]
    ]
    heading = ("Process", "State", "Pid", "Up", "CPU", "Memory", "Restarts", "Last exit")
    return tabular(rows, context.table_width, heading=heading)


def peers(context: Context, data: Data) -> tuple[Line, ...]:
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


def certificates(context: Context, data: Data) -> tuple[Line, ...]:
    rows: list[tuple[Cell, ...]] = []
    for each in data["certificates"]:
        ends, left = instant(each, "expires"), each["days_left"]
        when = f"{ends:%Y-%m-%d}, in {left} days" if ends else each["problem"] or UNKNOWN
        bad = ends is None or left is None or left < 0
        rows.append((each["setting"] or UNKNOWN, each["subject"] or "-", Span(when, _bad(bad=bad))))
    heading = ("Certificate", "Name", "Ends")
    return tabular(rows, context.table_width, heading=heading) if rows else ()


def fingerprint(data: Data) -> tuple[Line, ...]:
    """What a client of Telnet over TLS is shown, to compare."""
    telnet = data["telnet"] or {}
    found = telnet.get("tls_fingerprint") or ""
    if not found:
        return ()
    title = f"Telnet over TLS, port {say(telnet, 'tls_port')}: SHA-256 of the certificate"
    return ((Span(title, Style.TITLE),), f"  {found.replace(':', '').lower()}")


def people(context: Context, data: Data) -> tuple[Line, ...]:
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


def alarms(context: Context, data: Data) -> tuple[Line, ...]:
    rows: list[tuple[Cell, ...]] = []
    for each in data["last_alarms"]:
        at = instant(each, "at")
        when = moment(at, context.services.zone) if at else UNKNOWN
        bad = _bad(bad=each["level"] == "error")
        rows.append((f"  {when}", each["process"], Span(each["text"], bad)))
    return tabular(rows, context.table_width)


def changes(context: Context, changes: Sequence[Change]) -> tuple[Line, ...]:
    zone = context.services.zone
    return tuple(
        f"  {moment(one.at, zone)}  {one.actor.user or one.actor.channel}  {one.name}: "
        f"{words.bare(one.old)} -> {words.bare(one.new)}"
        for one in changes
    )


def _bad(*, bad: bool) -> Style:
    return Style.BAD if bad else Style.PLAIN

"""System Information in two columns: label and value, of system, network, calls and data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shell.health import EDITIONS
from shell.info import Data
from shell.layout import Cell, moment
from shell.pages import clock_words, observed
from shell.pages.information_words import end_of, free_words, load_words, mb_words, say, up_words
from shell.ports import Status
from shell.reading import UNKNOWN, instant
from shell.registry import Context
from shell.term import Span, Style

STOCK = "stock wheel"
"""As the media server calls the engine that carries few legs."""


def system(context: Context, status: Status, data: Data) -> list[tuple[str, Cell]]:
    product, host, telnet = data["product"], data["host"], data["telnet"] or {}
    local = context.services.now().astimezone(context.services.zone)
    edition = product["edition"] or UNKNOWN
    image = _image(data["updates"] or {})
    return [
        ("Product", f"Callisto {product['version'] or UNKNOWN}"),
        *([("Image", image)] if image else []),
        ("Edition", EDITIONS.get(edition, edition)),
        ("Host", host["hostname"] or UNKNOWN),
        ("Time", f"{local:%Y-%m-%d %H:%M %Z}"),
        ("Server", _time_server(status)),
        ("Up", up_words(host["uptime_s"])),
        ("Load", load_words(host)),
        ("Memory", free_words(host, "memory")),
        ("Disk", free_words(host, "disk")),
        ("Telnet", f"{say(telnet, 'sessions')} of {say(telnet, 'limit')} sessions"),
    ]


def _image(updates: Mapping[str, Any]) -> str:
    """Empty where the machine was not made from one."""
    if not updates.get("slot"):
        return ""
    application = updates["application"]
    return f"slot {updates['slot']}{f', {application}' if application else ''}"


def _time_server(status: Status) -> str:
    """gTimeServer, and whether this machine is in step with it."""
    known = observed.clock(status)
    return clock_words.brief(known) if known else UNKNOWN


def network(network: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    outside = [each for each in network["interfaces"] if each["name"] != "lo" and each["addresses"]]
    addresses = ", ".join(f"{', '.join(each['addresses'])} ({each['name']})" for each in outside)
    return [
        ("Listens", network["listen"] or UNKNOWN),
        ("Address", addresses or "none but loopback"),
        ("Gateway", network["gateway"] or "none"),
        ("DNS", ", ".join(network["name_servers"]) or "none"),
    ]


def calls(data: Data) -> list[tuple[str, Cell]]:
    calls, table = data["calls"] or {}, data["routing_table"] or {}
    groups = f"{say(table, 'groups')} groups" if table else UNKNOWN
    return [
        ("Legs", f"{say(calls, 'legs_in_use')} of {say(calls, 'capacity')} in use"),
        ("Calls", f"{say(calls, 'calls_now')} now, {say(calls, 'calls_total')} in all"),
        ("Peak", f"{say(calls, 'peak')} at once, {say(calls, 'refused_busy')} refused"),
        ("Media", _media(data["media"])),
        ("Table", groups),
    ]


def _media(media: Mapping[str, Any] | None) -> str:
    """The media server, which carries the calls with an announcement or a conversion."""
    engine = " ".join(media[key] for key in ("engine", "build") if media[key]) if media else ""
    if not engine or media is None:
        return UNKNOWN
    legs = f"{say(media, 'legs_in_use')} of {say(media, 'capacity')} legs in use"
    more = "; make engine builds one for 2048" if media["build"] == STOCK else ""
    return f"{engine}, {legs}{more}"


def data(context: Context, data: Data) -> list[tuple[str, Cell]]:
    store = data["store"]
    return [
        ("Store", end_of(store["url"] or UNKNOWN, 27)),
        ("Size", UNKNOWN if store["size_mb"] is None else mb_words(store["size_mb"])),
        ("Schema", f"{say(store, 'schema')}, revision {say(store, 'revision')}"),
        ("Sound", _sound(context, store)),
        *_journal(context, data["journal"]),
        ("Spool", f"{say(data['spool'], 'pending')} calls to store"),
    ]


def _journal(context: Context, journal: Mapping[str, Any] | None) -> list[tuple[str, Cell]]:
    """When the store was compared with it, and the snapshot that it goes on from."""
    if journal is None:
        return []
    zone = context.services.zone
    at, taken = instant(journal, "looked_at"), instant(journal, "snapshot_at")
    if at is None:
        said: Cell = "not looked at yet"
    elif journal["problem"]:
        said = Span(f"NOT GOOD, {moment(at, zone)}", Style.BAD)
    elif journal["compared"]:
        said = Span(f"same, {moment(at, zone)}", Style.GOOD)
    else:
        said = f"begun, {moment(at, zone)}"
    number = f"{say(journal, 'generation')}, {mb_words(journal['snapshot_mb'] or 0)}"
    return [
        ("Journal", said),
        ("Snapshot", f"{number}, {moment(taken, zone)}" if taken else "none yet"),
    ]


def _sound(context: Context, store: Mapping[str, Any]) -> Cell:
    if store["sound"] is None:
        return "not looked at; self test does"
    at = instant(store, "looked_at")
    when = f", {moment(at, context.services.zone)}" if at else ""
    return Span(f"yes{when}", Style.GOOD) if store["sound"] else Span(f"NO{when}", Style.BAD)

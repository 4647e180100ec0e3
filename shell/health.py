"""What the supervisor's status tells about the machine, and what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shell import peers
from shell.ports import Status
from shell.reading import UNKNOWN, instant, number, service, table, tables, text

GOOD_STATES = frozenset({"ready", "running", "up", "active"})
DISK_FULL = 0.05
"""A part of the disk: less than this free needs somebody to act."""
MEMORY_FULL = 0.03
JOURNAL_FULL_MB = 50
CERTIFICATE_DAYS = 30
"""With less left, somebody has to see to a new one."""
EDITIONS = {"ucm": "UCM", "express": "Express", "one": "One"}


@dataclass(frozen=True, slots=True)
class Facts:
    version: str
    edition: str
    hostname: str


def facts(status: Status) -> Facts:
    edition = text(status, "edition")
    return Facts(
        text(status, "version"), EDITIONS.get(edition, edition), text(table(status, "host"), "hostname")
    )


def problems(status: Status) -> tuple[str, ...]:
    """What needs somebody to act, the worst first; empty when all is well."""
    found = [
        f"{text(service, 'name') or 'a service'} is {text(service, 'state') or UNKNOWN}"
        for service in tables(status, "services")
        if text(service, "state") not in GOOD_STATES
    ]
    found.extend(peers.problems(status))
    if wrong := text(table(service(status, "shell"), "facts"), "tls_problem"):
        found.append(f"Telnet over TLS: {wrong}")
    store = table(status, "store")
    if error := text(store, "error"):
        found.append(f"store: {error}{_routing(status)}")
    if store.get("sound") is False:
        found.append("the store is damaged: self test says how")
    if problem := text(table(status, "journal"), "problem"):
        found.append(f"journal: {problem}")
    free = number(table(status, "journal"), "free_mb")
    if free is not None and free < JOURNAL_FULL_MB:
        found.append(f"the journal's disk is nearly full: {free:.0f} MB free, then no change is taken")
    found.extend(
        f"no backup on {text(each, 'name')} for {number(each, 'days_without') or 0:.0f} days"
        for each in tables(status, "backup_targets")
        if each.get("late") is True
    )
    found.extend(_certificates(status))
    host = table(status, "host")
    for what, limit in (("disk", DISK_FULL), ("memory", MEMORY_FULL)):
        size, free = number(host, f"{what}_mb"), number(host, f"{what}_free_mb")
        if size and free is not None and free / size < limit:
            found.append(f"{what} nearly full: {free:.0f} MB free")
    found.extend(
        f"{text(job, 'name')} {text(job, 'last_result')}"
        for job in tables(status, "jobs")
        if text(job, "last_result").lower().startswith(("fail", "error")) and text(job, "name") != "journal"
    )
    return tuple(found)


def _certificates(status: Status) -> Iterator[str]:
    for each in tables(status, "certificates"):
        what, problem, left = text(each, "setting"), text(each, "problem"), number(each, "days_left")
        if problem:
            yield f"{what}: {problem}"
        elif left is not None and left < 0:
            yield f"{what} has expired"
        elif left is not None and left <= CERTIFICATE_DAYS:
            yield f"{what} ends in {left:.0f} days"


def _routing(status: Status) -> str:
    """What calls are routed by while the store cannot be read."""
    of = instant(table(service(status, "router"), "facts"), "table_of")
    return f"; calls are routed by the table of {of:%a %Y-%m-%d %H:%M}" if of else ""

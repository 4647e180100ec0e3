"""What each process does now, read from the supervisor's status. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from shell.trace_ports import Doing

_FACTS: Final = (
    ("calls_now", "1 call now", "{} calls now"),
    ("calls_total", "1 call since its start", "{} calls since its start"),
    ("legs_in_use", "1 call leg in use", "{} call legs in use"),
    ("sessions", "1 session", "{} sessions"),
    ("memory_mb", "{} MB of memory", "{} MB of memory"),
)


def doing(status: object) -> tuple[Doing, ...]:
    """The supervisor first, then the services in their order."""
    if not isinstance(status, Mapping):
        return ()
    services = [one for one in _list(status.get("services")) if isinstance(one, Mapping)]
    return (
        Doing("supervisor", "ready", None, tuple(_supervisor(status))),
        *(_service(one) for one in services),
    )


def _service(service: Mapping[str, Any]) -> Doing:
    facts = service.get("facts")
    known = facts if isinstance(facts, Mapping) else {}
    said = tuple(
        (one if known[fact] == 1 else sentence).format(known[fact])
        for fact, one, sentence in _FACTS
        if isinstance(known.get(fact), int | float) and not isinstance(known[fact], bool)
    )
    pid = service.get("pid")
    return Doing(
        str(service.get("name", "")),
        str(service.get("state", "")),
        pid if isinstance(pid, int) else None,
        said,
    )


def _supervisor(status: Mapping[str, Any]) -> Iterator[str]:
    for job in _list(status.get("jobs")):
        if isinstance(job, Mapping):
            yield f"{job.get('name', '')}: next {job.get('next_run') or 'never'}"
    spool = status.get("spool")
    if isinstance(spool, Mapping):
        pending = spool.get("pending", 0)
        yield "1 call record to be taken in" if pending == 1 else f"{pending} call records to be taken in"


def _list(found: object) -> list[Any]:
    return found if isinstance(found, list) else []

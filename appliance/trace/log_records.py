"""What a process logs, as records of the trace. Without asyncio: the router has none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from appliance.trace.past import call_in
from shell.trace.record import Level, Record
from shell.trace.redact import redact_text

GROUPS: Final = {
    "appliance.web": "web",
    "uvicorn": "web",
    "shell": "shell",
    "db": "store",
    "scheduler": "job",
}
"""The group of what a logger says, by the beginning of its name. `extra={"trace_group": …}` is stronger."""


class LogRecords(logging.Handler):
    """`put` gets what is logged."""

    def __init__(self, process: str, put: Callable[[Record], None]) -> None:
        super().__init__()
        self._process = process
        self._put = put
        self._groups: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception as exc:  # a format that does not fit its arguments must not stop who logs
            text = f"{record.msg!r} with {record.args!r}: {exc}"
        self._put(
            Record(
                at=record.created,
                process=self._process,
                level=_level(record.levelno),
                group=self._group(record),
                text=redact_text(one_line(text, _last_words(record))),
                call=getattr(record, "trace_call", "") or call_in(text),
                numbers=getattr(record, "trace_numbers", ()),
            )
        )

    def _group(self, record: logging.LogRecord) -> str:
        own = getattr(record, "trace_group", None)
        if isinstance(own, str):
            return own
        found = self._groups.get(record.name)
        if found is None:
            found = self._groups[record.name] = _group_of(record.name)
        return found


def one_line(text: str, more: Iterable[str] = ()) -> str:
    """Line breaks as a bar: a record is a line."""
    return " | ".join(part for whole in (text, *more) for part in whole.splitlines() if part.strip())


def _last_words(record: logging.LogRecord) -> Iterable[str]:
    """What an exception said; where it was stays in the log."""
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        yield f"{type(error).__name__}: {error}"


def _level(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"


def _group_of(name: str) -> str:
    for beginning, group in GROUPS.items():
        if name == beginning or name.startswith(f"{beginning}."):
            return group
    return "log"

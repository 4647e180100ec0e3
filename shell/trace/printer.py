"""Records as lines of a terminal and as data, made once for all who look at them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import Any

from shell.term import Line, Span, Style
from shell.trace.export import json_lines
from shell.trace.lines import line, lines
from shell.trace.once import Once
from shell.trace.record import Record

_STYLES = {"error": Style.BAD, "warning": Style.TITLE, "debug": Style.DIM}
Drawn = tuple[Line, ...]


class Printer:
    """One for a process. `whole`: a SIP message is shown as it was sent, below its line."""

    def __init__(self) -> None:
        self._zone: tzinfo = UTC
        self._short: Once[Drawn] | None = None
        self._whole: Once[Drawn] | None = None

    def drawing(self, zone: tzinfo, *, whole: bool = False) -> Callable[[Record], Drawn]:
        """What makes the lines of a record, its time in `zone`."""
        if zone != self._zone:
            self._zone, self._short, self._whole = zone, None, None
        if whole:
            self._whole = self._whole or Once(lambda record: _drawn(record, lines(record, zone)))
            return self._whole
        self._short = self._short or Once(lambda record: _drawn(record, [line(record, zone)]))
        return self._short


def as_data(record: Record) -> dict[str, Any]:
    """As `json_lines` writes it."""
    found: dict[str, Any] = json.loads(next(json_lines([record])))
    return found


def _drawn(record: Record, texts: list[str]) -> Drawn:
    style = Style.BAR if record.group == "mark" else _STYLES.get(record.level)
    if style is None:
        return tuple(texts)
    return ((Span(texts[0], style),), *texts[1:])

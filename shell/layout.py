"""Text laid out for a terminal: tables, columns, wrapped paragraphs, ages. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from shell.safe import safe
from shell.term import Line, Span, Style, plain, width

Cell = str | Span
NARROW = 30
"""Columns in which sentences can still be read."""
BELOW = 4


def table(
    rows: Sequence[Sequence[Cell]],
    columns: int | None,
    *,
    heading: Sequence[str] = (),
    indent: int = 0,
    most: int = 28,
    whole: bool = False,
) -> tuple[Line, ...]:
    """Left-aligned columns two blanks apart. Within `columns` no column but the last takes more than `most`,
    the last takes what is left, and what does not fit is cut with an ellipsis; with None nothing is cut.
    `whole`: nor is the last column; it goes on below itself, or stands below its row where it is narrow."""
    head = [tuple(Span(text, Style.TITLE) for text in heading)] if heading else []
    cells: list[Sequence[Span]] = [*head, *(tuple(_span(cell) for cell in row) for row in rows)]
    if not cells:
        return ()
    count = max(len(row) for row in cells)
    widths = [max((width(row[i].text) for row in cells if i < len(row)), default=0) for i in range(count)]
    if columns is not None:
        widths = [min(most, each) for each in widths]
    if columns is not None and whole:
        cells = [each for row in cells for each in _unfolded(row, widths, columns, indent)]
    return tuple(_row(row, widths, columns, indent) for row in cells)


def pairs(
    items: Sequence[tuple[str, Cell]], columns: int, *, label: int = 0, indent: int = 2
) -> tuple[Line, ...]:
    """One label and one value a line; values that are too long go on below themselves."""
    room = label or max((width(name) for name, _ in items), default=0)
    lines: list[Line] = []
    for name, cell in items:
        span = _span(cell)
        space = max(10, columns - indent - room - 2)
        pieces = textwrap.wrap(span.text, space, break_on_hyphens=False) or [""]
        lines.append(
            (Span(" " * indent), Span(fit(name, room), Style.LABEL), Span("  "), Span(pieces[0], span.style))
        )
        lines.extend((Span(" " * (indent + room + 2)), Span(piece, span.style)) for piece in pieces[1:])
    return tuple(lines)


def paragraph(text: str, columns: int, *, indent: int = 2) -> tuple[Line, ...]:
    room = max(20, columns - indent)
    return tuple(" " * indent + piece for piece in textwrap.wrap(safe(text), room, break_on_hyphens=False))


def folded(lines: Sequence[Line], columns: int) -> tuple[Line, ...]:
    """Lines of one style that are wider than the screen go on below themselves, between words."""
    found: list[Line] = []
    for line in lines:
        style = Style.PLAIN if isinstance(line, str) else line[0].style if len(line) == 1 else None
        text = safe(plain(line))
        if style is None or width(text) <= columns:
            found.append(line)
            continue
        deep = 2 if text.startswith("% ") else min(len(text) - len(text.lstrip()), columns // 2)
        pieces = textwrap.wrap(text, max(20, columns), subsequent_indent=" " * deep, break_on_hyphens=False)
        found.extend((Span(piece, style),) for piece in pieces)
    return tuple(found)


def fit(text: str, room: int) -> str:
    """Exactly `room` columns: cut with an ellipsis, or filled with blanks."""
    text = cut(text, room)
    return text + " " * (room - width(text))


def cut(text: str, room: int) -> str:
    text = safe(text)
    if width(text) <= room:
        return text
    while text and width(text) > room - 1:
        text = text[:-1]
    return text + "…" if room > 0 else ""


def ago(then: datetime, now: datetime) -> str:
    """`3 min ago`; `just now`; a time ahead of the clock is `just now` too."""
    seconds = int((now - then).total_seconds())
    return "just now" if seconds < 10 else f"{duration(seconds)} ago"


def duration(seconds: float) -> str:
    """Two units at most: `45 s`, `12 min`, `3 h 5 min`, `4 d 2 h`."""
    whole = max(0, int(seconds))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, secs = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{secs} s"


def moment(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def day_name(at: datetime) -> str:
    """`Sun`, in the zone it is given in."""
    return _DAYS[at.weekday()]


def day_and_time(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{day_name(local)} {local:%Y-%m-%d %H:%M}"


def _unfolded(
    row: Sequence[Span], widths: Sequence[int], columns: int, indent: int
) -> Iterator[Sequence[Span]]:
    """One row as several, if its last cell does not fit beside the others."""
    *others, last = row
    deep = indent + sum(each + 2 for each in widths[: len(others)])
    if width(last.text) <= columns - deep:
        yield row
    elif not others or columns - deep >= NARROW:
        first, *more = _wrapped(last, columns - deep)
        yield (*others, first)
        yield from ((*(Span("") for _ in others), each) for each in more)
    else:
        yield (*others, Span(""))
        step = " " * BELOW
        yield from (
            (Span(step + each.text, each.style),) for each in _wrapped(last, columns - indent - BELOW)
        )


def _wrapped(span: Span, room: int) -> list[Span]:
    pieces = _within(span.text, max(1, room)) or [""]
    return [Span(piece, span.style) for piece in pieces]


def _within(text: str, room: int) -> list[str]:
    """Lines of at most `room` columns, broken between words; a word that is longer, anywhere."""
    found: list[str] = []
    for word in text.split(" "):
        if found and width(found[-1]) + 1 + width(word) <= room:
            found[-1] += " " + word
            continue
        found.append("")
        for char in word:
            if width(found[-1] + char) > room and found[-1]:
                found.append("")
            found[-1] += char
    return found


def _row(row: Sequence[Span], widths: Sequence[int], columns: int | None, indent: int) -> Line:
    spans = [Span(" " * indent)] if indent else []
    used = indent
    for index, span in enumerate(row):
        last = index == len(row) - 1
        if last:
            spans.append(
                span if columns is None else Span(cut(span.text, max(1, columns - used)), span.style)
            )
        else:
            spans.append(Span(fit(span.text, widths[index]), span.style))
        if not last:
            spans.append(Span("  "))
            used += widths[index] + 2
    return tuple(spans)


def _span(cell: Cell) -> Span:
    return Span(safe(cell)) if isinstance(cell, str) else Span(safe(cell.text), cell.style)


# Not strftime's: they would follow the process's locale.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

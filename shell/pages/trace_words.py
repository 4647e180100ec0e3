"""What the pages of traces say: headings, ends, sizes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from shell.layout import ago, duration
from shell.registry import Context
from shell.term import Line, Span, Style
from shell.trace.choosing import Asked
from shell.trace_ports import Capture, Limits, View, Watcher

KEYS_RICH = "Ctrl-C or q ends, Space pauses, m inserts a mark."
KEYS_LINE = "Ctrl-C or Enter ends, mark TEXT and Enter inserts a mark."


def limits_of(asked: Asked) -> Limits | None:
    """None for the usual ones."""
    if asked.for_s is None and asked.size is None:
        return None
    usual = Limits()
    return Limits(
        usual.seconds if asked.for_s is None else asked.for_s,
        usual.size if asked.size is None else asked.size,
    )


def heading(
    context: Context, asked: Asked, view: View, others: Sequence[Watcher], *, rich: bool
) -> tuple[Line, ...]:
    """What is traced, where it is kept, who else looks, and the keys."""
    limits = limits_of(asked) or Limits()
    ends = f"ends after {duration(limits.seconds)} or {size_words(limits.size)}"
    if view.capture:
        kept: Line = (Span("Kept as "), Span(view.capture, Style.KEY), Span(f"; {ends}."))
    else:
        kept = (
            Span(f"Not kept: {view.problem or 'no capture could be begun'}", Style.BAD),
            Span(f"; {ends}."),
        )
    lines: list[Line] = [(Span("Trace of "), Span(asked.choice.title, Style.TITLE)), kept]
    if others:
        now = context.services.now()
        names = ", ".join(f"{other.user} ({ago(other.since, now)})" for other in others[:5])
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        lines.append(f"Also watching: {names}{more}. Marks are for all of you.")
    return (*lines, (Span(KEYS_RICH if rich else KEYS_LINE, Style.DIM),))


def ending(view: View, why: str, shown: int, seconds: float) -> tuple[Line, ...]:
    missed = f", {view.missed} missed" if view.missed else ""
    told = f"Trace ended: {why}. {shown} records in {duration(seconds)}{missed}."
    lines: list[Line] = [(Span(told, Style.TITLE),)]
    if view.capture:
        lines.append(f"  show trace {view.capture}   trace ladder {view.capture}")
    return tuple(lines)


def size_words(size: int) -> str:
    """`12 kB`, `3.4 MB`, `50 MB`; powers of ten."""
    if size < 1000:
        return f"{size} B"
    if size < 1_000_000:
        return f"{size / 1000:.0f} kB"
    return f"{size / 1_000_000:.1f} MB".replace(".0 ", " ")


def state_words(capture: Capture) -> str:
    if capture.ended is None:
        return f"runs, {capture.watchers} watching" if capture.watchers else "runs"
    return capture.reason or "ended"

"""What would happen to a call that is not made."""

from __future__ import annotations

import re

from shell.layout import paragraph
from shell.office_ports import RehearsalRefusedError
from shell.registry import Context
from shell.reply import CommandError, Reply
from shell.term import Line, Span, Style

SYNTAX = "explain NUMBER [from CALLER] [at YYYY-MM-DD HH:MM]"
_SAID = re.compile(r"(?P<called>.+?)(?:\s+from\s+(?P<caller>\S+))?(?:\s+at\s+(?P<at>.+))?", re.IGNORECASE)


async def explain_call(context: Context, arguments: tuple[str, ...]) -> Reply:
    """`600 from 0441234567 at 2026-12-24 10:00`."""
    said = _SAID.fullmatch(arguments[0].strip())
    if said is None:
        raise CommandError(f"{arguments[0][:60]!r} was not understood", f"right is {SYNTAX}")
    try:
        found = await context.services.office.rehearsal.explain(
            said["called"], said["caller"] or "", said["at"] or ""
        )
    except RehearsalRefusedError as exc:
        raise CommandError(exc.message, exc.hint) from exc
    heading, *_ = found.text().splitlines()
    lines: list[Line] = [(Span(heading, Style.TITLE),)]
    for step in found.steps:
        first, *rest = paragraph(step.text, context.width, indent=11) or ("",)
        lines.append((Span(f"  {step.at_s:>5.0f} s  ", Style.LABEL), Span(str(first).strip())))
        lines.extend(rest)
    return Reply(tuple(lines), found.as_json())

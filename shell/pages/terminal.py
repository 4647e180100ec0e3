"""The size of the user's terminal, where he knows better."""

from __future__ import annotations

from shell.pipes import Pipe
from shell.registry import Answer, Context, Live
from shell.reply import CommandError, Reply
from shell.term import Term

NO_PAGES = 1_000_000
"""Rows of a terminal that never pauses."""
MOST = 1000
LEAST = {"length": 2, "width": 20}
ZERO = {"length": "0 (never pause)", "width": "0 (as the terminal says)"}


async def set_terminal(_context: Context, arguments: tuple[str, ...]) -> Answer:
    """`length 0` never pauses; `auto` goes back to what the terminal says. What programs send for other
    equipment is accepted and does nothing."""
    word, _, text = (arguments[0] if arguments else "").strip().casefold().partition(" ")
    what = next((each for each in LEAST if word and each.startswith(word)), "")
    if not what:
        return Reply(())
    size = _size(what, text.strip())

    async def run(term: Term, _pipes: tuple[Pipe, ...]) -> Answer:
        if what == "width":
            term.fix(columns=size or 0)
        else:
            term.fix(rows=NO_PAGES if size == 0 else size or 0)
        return Reply(())

    return Live(run)


def _size(what: str, text: str) -> int | None:
    """None for auto."""
    if text == "auto":
        return None
    right = text.isascii() and text.isdecimal() and len(text) < 6
    if not right or not (int(text) == 0 or LEAST[what] <= int(text) <= MOST):
        hint = f"right is from {LEAST[what]} to {MOST}, {ZERO[what]}, or auto"
        raise CommandError(f"terminal {what}: {text[:20]!r} was not understood", hint)
    return int(text)

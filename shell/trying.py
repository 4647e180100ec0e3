"""`confirm 5` behind a value: for how long it is tried. Pure."""

from __future__ import annotations

from datetime import timedelta

from db.variables.trials import LONGEST, SHORTEST
from shell.reply import CommandError

MINUTES = 5
"""Where nobody says how many."""


def split(text: str) -> tuple[str, timedelta | None]:
    """The value, and how long there is to confirm it. Raises CommandError."""
    words = text.split()
    if len(words) > 1 and words[-1].casefold() == "confirm":
        return text.rstrip()[: -len("confirm")].rstrip(), timedelta(minutes=MINUTES)
    if len(words) > 2 and words[-2].casefold() == "confirm":
        return text.rstrip()[: -len(words[-1])].rstrip()[: -len("confirm")].rstrip(), _given(words[-1])
    return text, None


def _given(text: str) -> timedelta:
    low, high = (int(each.total_seconds()) // 60 for each in (SHORTEST, LONGEST))
    number = text.casefold().removesuffix("min")
    if not (number.isascii() and number.isdecimal() and len(number) < 9 and low <= int(number) <= high):
        raise CommandError(
            f"confirm {text[:40]}: not so long", f"right is a whole number of minutes from {low} to {high}"
        )
    return timedelta(minutes=int(number))

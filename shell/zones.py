"""The names of time zones: completed as they are typed, found without regard to case."""

from __future__ import annotations

import difflib
from functools import cache
from zoneinfo import available_timezones

from shell.reply import CommandError


@cache
def zones() -> tuple[str, ...]:
    """Those of the zone database, in the order of the alphabet."""
    return tuple(sorted(available_timezones() - {"localtime", "Factory"}))


def find_zone(text: str) -> str:
    """Raises CommandError, which names the nearest."""
    wanted = text.strip().casefold()
    by_name = {name.casefold(): name for name in zones()}
    if wanted in by_name:
        return by_name[wanted]
    cities = [name for name in zones() if name.casefold().rpartition("/")[2] == wanted]
    near = cities or [by_name[each] for each in difflib.get_close_matches(wanted, by_name, 3, 0.7)]
    hint = f"did you mean {' or '.join(near[:3])}?" if near else "right is a name such as Europe/Zurich"
    raise CommandError(f"there is no time zone {text[:60]!r}", hint)

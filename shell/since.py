"""From when on changes are shown, as people type it. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shell.reply import CommandError

EXPECTED = (
    "since yesterday, today, 30min, 2h, 3d, 1w, 2026-11-24, 2026-11-24 10:00, or the number of a change"
)
_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGE = re.compile(r"(\d{1,5}) ?(s|min|m|h|d|w)")


def parse(text: str, now: datetime, zone: ZoneInfo) -> datetime | int:
    """A moment (aware), or the number of a change. Days begin at midnight in `zone`. Raises CommandError."""
    words = text.strip().casefold().removeprefix("since").strip()
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if words in {"today", "midnight"}:
        return midnight
    if words == "yesterday":
        return midnight - timedelta(days=1)
    if re.fullmatch(r"[0-9]{1,9}", words):
        return int(words)
    if age := _AGE.fullmatch(words):
        return now - timedelta(seconds=int(age[1]) * _UNITS[age[2]])
    try:
        moment = datetime.fromisoformat(words)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        moment.astimezone(zone)
    except (ValueError, OverflowError):
        raise CommandError(f"{text.strip()[:40]!r} is no time", f"right is {EXPECTED}") from None
    return moment

"""Which zone the host's local time is in."""

from __future__ import annotations

import os
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def local_zone(env_tz: str | None = None, etc: Path = Path("/etc")) -> ZoneInfo:
    """As the C library sees it: TZ, then /etc/localtime, then Debian's /etc/timezone, then UTC."""
    chosen = os.environ.get("TZ", "") if env_tz is None else env_tz
    for name in (chosen, _linked(etc / "localtime"), _written(etc / "timezone")):
        try:
            if name:
                return ZoneInfo(name.removeprefix(":"))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue  # not a name of the zone database
    return ZoneInfo("UTC")


def _linked(localtime: Path) -> str:
    """/usr/share/zoneinfo/Europe/Zurich -> Europe/Zurich"""
    target = str(localtime.resolve()) if localtime.is_symlink() else ""
    return target.partition("/zoneinfo/")[2]


def _written(timezone: Path) -> str:
    try:
        return timezone.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""

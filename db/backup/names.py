"""What a backup is called: callisto-<host>-<yyyymmdd-hhmmss>Z.zip. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

SUFFIX = ".zip"
_NAME = re.compile(r"callisto-([a-z0-9-]{1,40})-(\d{8}-\d{6})Z\.zip")
_STAMP = "%Y%m%d-%H%M%S"


def name_of(host: str, made_at: datetime) -> str:
    """No character in it needs quoting anywhere, whatever the machine is called."""
    plain = re.sub(r"[^a-z0-9]+", "-", host.casefold().partition(".")[0]).strip("-")[:40].strip("-")
    return f"callisto-{plain or 'appliance'}-{made_at.astimezone(UTC).strftime(_STAMP)}Z{SUFFIX}"


def made_at_of(name: str) -> datetime | None:
    """None for what is no backup of ours."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        return datetime.strptime(found[2], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def host_of(name: str) -> str:
    """As it is in the name; empty for what is no backup of ours."""
    found = _NAME.fullmatch(name)
    return found[1] if found else ""

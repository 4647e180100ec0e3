"""Where backups are carried to, and when: what may be set, and what is refused. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any

from db.backup.password import checked
from db.errors import RefusedError
from scheduler.days import WeeklyTimeError, parse

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/=]{43,64}")
RESERVED = frozenset({"to", "plain", "status", "force", "new"})
MOST_KEPT, MOST_DAYS = 366, 366
KEY = "-----BEGIN"
SECRETS = frozenset({"secret", "password"})
"""Never shown, logged or given to anybody but those who log in with them."""


class TargetKind(Enum):
    DIRECTORY = "directory"
    FTP = "ftp"
    FTPS = "ftps"
    SFTP = "sftp"


PORTS: Mapping[TargetKind, int] = {
    TargetKind.DIRECTORY: 0, TargetKind.FTP: 21, TargetKind.FTPS: 21, TargetKind.SFTP: 22,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """As `db.tables.backup_target`. `port`: 0 for the usual one; `password`: of the archives."""

    name: str
    kind: TargetKind
    host: str = ""
    port: int = 0
    user: str = ""
    secret: str = field(default="", repr=False)
    folder: str = ""
    known_by: str = ""
    schedule: str = ""
    keep_daily: int = 7
    keep_weekly: int = 4
    keep_monthly: int = 6
    alarm_days: int = 3
    password: str = field(default="", repr=False)
    enabled: bool = True

    @property
    def at_port(self) -> int:
        return self.port or PORTS[self.kind]

    @property
    def words(self) -> str:
        """Where it is, for people."""
        if self.kind is TargetKind.DIRECTORY:
            return self.folder
        return f"{self.kind.value}://{self.user}@{self.host}:{self.at_port}/{self.folder.lstrip('/')}"

    @property
    def secret_kind(self) -> str:
        if not self.secret:
            return "none"
        return "private key" if self.secret.startswith(KEY) else "password"


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target as the store has it. `since`: made or enabled; `proven`: the last backup there that is good,
    there since `proven_at`; `result`: of the last attempt."""

    settings: TargetSettings
    since: datetime
    proven: str = ""
    proven_at: datetime | None = None
    result: str = ""

    def days_without(self, now: datetime) -> int:
        """Whole days since the last success, or since it was to begin."""
        return max(0, (now - max(self.since, self.proven_at or self.since)).days)

    def is_late(self, now: datetime) -> bool:
        given = self.settings.alarm_days
        return bool(given and self.settings.enabled and self.days_without(now) >= given)


def _whole(least: int, most: int) -> Callable[[str], object]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise RefusedError(f"{text[:40]!r} is not right", hint=f"a number from {least} to {most}")
        return int(text)

    return read


def _line(text: str) -> str:
    if not text.isprintable() or len(text) > 255:
        raise RefusedError(
            "it has characters that cannot be typed, or too many", hint="255 characters at most"
        )
    return text


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]{1,255}", text):
        raise RefusedError(f"{text[:40]!r} is no name of a machine", hint="a name or an IP address")
    return text


def _schedule(text: str) -> str:
    if text.casefold() in ("", "never", "0"):
        return ""
    try:
        weekly = parse(text)
    except WeeklyTimeError as exc:
        raise RefusedError(str(exc), hint="right is a day bit mask and a time, such as 127,02:00") from exc
    return weekly.stored() if weekly else ""


def _known_by(text: str) -> str:
    if text.casefold() in ("", "none"):
        return ""
    if not FINGERPRINT.fullmatch(text):
        raise RefusedError(f"{text[:80]!r} is no fingerprint", hint="as `target test` shows it: SHA256:…")
    return text


def _switch(text: str) -> bool:
    if text.casefold() not in ("on", "off"):
        raise RefusedError(f"{text[:40]!r} is not right", hint="on or off")
    return text.casefold() == "on"


WORDS: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "host": ("host", _host),
    "port": ("port", _whole(0, 65535)),
    "user": ("user", _line),
    "folder": ("folder", _line),
    "pin": ("known_by", _known_by),
    "schedule": ("schedule", _schedule),
    "daily": ("keep_daily", _whole(0, MOST_KEPT)),
    "weekly": ("keep_weekly", _whole(0, MOST_KEPT)),
    "monthly": ("keep_monthly", _whole(0, MOST_KEPT)),
    "alarm": ("alarm_days", _whole(0, MOST_DAYS)),
    "enabled": ("enabled", _switch),
    "secret": ("secret", lambda text: text if text.startswith(KEY) else _line(text)),
    "password": ("password", checked),
}
"""What may be set, as people call it: the field, and how its text is read."""


def made(name: str, kind: str) -> TargetSettings:
    """A new one. Raises RefusedError."""
    if not NAME.fullmatch(name) or name.casefold() in RESERVED:
        raise RefusedError(
            f"{name[:60]!r} is no name of a target", hint="letters, digits, - and _, at most 40: such as nas"
        )
    try:
        return TargetSettings(name, TargetKind(kind.casefold()))
    except ValueError:
        kinds = ", ".join(each.value for each in TargetKind)
        raise RefusedError(f"{kind[:40]!r} is no kind of target", hint=f"one of {kinds}") from None


def changed(target: TargetSettings, word: str, text: str) -> TargetSettings:
    """With that set. Another machine is not known by the old one's key. Raises RefusedError."""
    if word not in WORDS:
        raise RefusedError(f"a target has no {word[:40]!r}", hint=f"one of {', '.join(WORDS)}")
    name, read = WORDS[word]
    values: dict[str, Any] = {name: read(text)}
    new = replace(target, **values)
    if word in ("host", "port") and new != target:
        new = replace(new, known_by="")
    if word == "folder" and new.kind is TargetKind.DIRECTORY and not text.startswith("/"):
        raise RefusedError(f"{text[:60]!r} is no whole path", hint="it begins with /, such as /mnt/nas")
    return new


def lacking(target: TargetSettings) -> str:
    """What has to be set before it can be used; empty when it is complete."""
    needed = ("folder",) if target.kind is TargetKind.DIRECTORY else ("host", "user", "secret")
    return ", ".join(word for word in needed if not getattr(target, word))

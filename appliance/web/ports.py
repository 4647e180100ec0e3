"""What the web service needs of the appliance. Filled by `appliance/roles/web.py`, by fakes in tests.

`Login`, `System`, `Backup`, `Restore` and `Updates` are the shell's, `Variables` and `Audit` parts of its, so
that one set of adapters serves both ways in. Whatever comes from the store raises `db.errors.StoreError` when
it is not to be had.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from appliance.web.inbox import Inbox
from appliance.web.shelf import Shelf
from db.variables.states import Actor
from shell.backup_ports import Backup
from shell.ports import Login, System
from shell.restore_ports import Restore
from shell.update_ports import Updates


class Value(Protocol):
    @property
    def value(self) -> str:
        """In its stored form."""


class Variables(Protocol):
    async def get(self, name: str) -> Value: ...


class Audit(Protocol):
    async def note(self, actor: Actor, action: str, detail: str) -> None: ...


class Verdict(Protocol):
    @property
    def wait_s(self) -> float:
        """Above 0: refuse without looking at the password."""

    @property
    def delay_s(self) -> float:
        """Look at the password this much later."""


class Throttle(Protocol):
    """How long a guesser waits, by address. Times are monotonic seconds. `shell.throttle.Throttle` is one."""

    def attempt(self, address: str, now: float) -> Verdict:
        """A name and a password have come; they count as wrong until `succeeded`."""

    def succeeded(self, address: str) -> None: ...

    def withdrawn(self, address: str) -> None:
        """The attempt could not be looked at, through no fault of the client."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class WebServices:
    accounts: Login
    variables: Variables
    system: System
    audit: Audit
    throttle: Throttle
    shelf: Shelf
    inbox: Inbox
    backup: Backup
    restore: Restore
    updates: Updates
    updates_folder: Path
    """Where the supervisor has them."""
    must_change: Callable[[str, str], bool] = lambda _user, _password: False
    """Whether that is a password to be changed before anything else."""
    version: str = ""
    local_zone: Callable[[], ZoneInfo] = lambda: ZoneInfo("UTC")
    """Asked each time: it may be changed while we run."""
    now: Callable[[], datetime] = _now
    """Wall clock, aware."""
    monotonic: Callable[[], float] = time.monotonic

    @property
    def zone(self) -> ZoneInfo:
        """Times are shown in it."""
        return self.local_zone()

"""What the web service needs of the appliance. Filled by `appliance/roles/web.py`, by fakes in tests.

The first four are parts of what `shell.ports` describes, so one set of adapters serves both ways in. Whatever
comes from the store raises `db.errors.StoreError` when it is not to be had.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from db.variables.states import Actor

Status = Mapping[str, Any]
"""The supervisor's status, as its control socket gives it."""


class Account(Protocol):
    """Somebody whose password was right."""

    @property
    def user(self) -> str: ...

    @property
    def name(self) -> str:
        """For people; may be empty."""

    @property
    def roles(self) -> frozenset[str]: ...


class Accounts(Protocol):
    async def verify(self, user: str, password: str) -> Account | None:
        """None if the two do not belong together. Slow on purpose, and never on the loop's thread."""


class Value(Protocol):
    @property
    def value(self) -> str:
        """In its stored form."""


class Variables(Protocol):
    async def get(self, name: str) -> Value: ...


class System(Protocol):
    async def status(self) -> Status:
        """Within two seconds, or `shell.ports.SystemUnavailableError`."""


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
    accounts: Accounts
    variables: Variables
    system: System
    audit: Audit
    throttle: Throttle
    version: str = ""
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    """Times are shown in it."""
    now: Callable[[], datetime] = _now
    """Wall clock, aware."""
    monotonic: Callable[[], float] = time.monotonic

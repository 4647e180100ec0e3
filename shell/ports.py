"""What the shell needs of the rest of the appliance. Filled by `appliance/roles/shell.py`, by fakes in tests.

Whatever comes from the store raises `db.errors.StoreError` when it is not to be had, and `RefusedError` for
what cannot be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from db.variables.states import Actor, Change, VariableState
from db.variables.trials import Trial
from db.variables.values import Context as Rules
from shell.backup_ports import Backup
from shell.checks_ports import SelfTest
from shell.clock_ports import DateTime
from shell.compact_ports import Compact
from shell.office_ports import OfficeView
from shell.repair_ports import Repair
from shell.restore_ports import Restore
from shell.sessions_ports import Standings
from shell.support_ports import Support
from shell.target_ports import Targets
from shell.throttle import Throttle
from shell.trace.printer import Printer
from shell.trace_ports import Trace
from shell.update_ports import Updates

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


class Login(Protocol):
    async def verify(self, user: str, password: str) -> Account | None:
        """None if the two do not belong together. Slow on purpose; never on the loop's thread; at most a few
        at a time, so that a flood of guesses costs neither memory nor calls."""


class FirstPassword(Protocol):
    """The password of a machine's first start, which stood on its console."""

    def is_it(self, user: str, password: str) -> bool:
        """Whether somebody whose password is right has that one: he has to choose another."""

    async def change(self, user: str, password: str, actor: Actor) -> None:
        """Raises PasswordRefusedError, which says what is right, and StoreError."""


class Variables(Protocol):
    async def all(self) -> Sequence[VariableState]:
        """In the catalogue's order."""

    async def get(self, name: str) -> VariableState: ...

    async def set(self, name: str, text: str, actor: Actor, trial: timedelta | None = None) -> Change:
        """`trial`: the change is undone unless it is confirmed within that time."""

    async def reset(self, name: str, actor: Actor) -> Change: ...

    async def undo(self, actor: Actor, change_id: int | None = None) -> Change:
        """Take back that change, or the last one that is not taken back."""

    async def history(self, name: str | None = None, limit: int = 50) -> Sequence[Change]:
        """Newest first."""

    async def waiting(self) -> Sequence[Trial]:
        """The changes that wait to be confirmed, in the order they were made."""

    async def confirm(self, change_id: int | None = None) -> Sequence[Trial]:
        """Keep that change, or all that wait."""

    async def untold(self, user: str) -> Sequence[Trial]:
        """What became of changes of this user that nobody confirmed; told with this, once."""


class SystemUnavailableError(Exception):
    """The supervisor does not answer. The message says why."""


class System(Protocol):
    async def status(self) -> Status:
        """Within two seconds, or SystemUnavailableError."""


class JobRun(Protocol):
    """One run of a planned job; times are aware."""

    @property
    def name(self) -> str: ...

    @property
    def variable(self) -> str: ...

    @property
    def due(self) -> datetime: ...

    @property
    def started(self) -> datetime | None: ...

    @property
    def finished(self) -> datetime | None: ...

    @property
    def result(self) -> str: ...


class Jobs(Protocol):
    async def latest(self, limit: int, variable: str | None = None) -> Sequence[JobRun]:
        """Newest first."""


class AuditNote(Protocol):
    @property
    def at(self) -> datetime: ...

    @property
    def actor(self) -> Actor: ...

    @property
    def action(self) -> str: ...

    @property
    def detail(self) -> str: ...


class Audit(Protocol):
    async def note(self, actor: Actor, action: str, detail: str) -> None: ...

    async def latest(self, limit: int) -> Sequence[AuditNote]:
        """Newest first."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    variables: Variables
    login: Login
    system: System
    jobs: Jobs
    audit: Audit
    clock: DateTime
    trace: Trace
    standings: Standings
    self_test: SelfTest
    support: Support
    office: OfficeView
    compact: Compact
    repair: Repair
    backup: Backup
    restore: Restore
    targets: Targets
    first: FirstPassword | None = None
    """None: nobody has to change a password."""
    updates: Updates | None = None
    """None: nothing here installs updates, and nothing shows them."""
    rules: Rules = field(default_factory=Rules)
    """Edition and memory of this machine, for the ranges that are shown."""
    version: str = ""
    local_zone: Callable[[], ZoneInfo] = lambda: ZoneInfo("UTC")
    """Asked each time: it may be changed while we run."""
    throttle: Throttle = field(default_factory=Throttle)
    now: Callable[[], datetime] = _now
    """Wall clock, aware."""
    monotonic: Callable[[], float] = time.monotonic
    printer: Printer = field(default_factory=Printer)
    """Of records of traces, one for all who look at them."""

    @property
    def zone(self) -> ZoneInfo:
        """Times are shown in it, and restarts are planned in it."""
        return self.local_zone()

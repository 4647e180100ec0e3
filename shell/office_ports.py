"""What the shell shows of the office and its calls; it changes neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from db.office import Office
from router.dryrun import Explanation


class Step(Protocol):
    """What happened in a call, `at_s` seconds after it began, in words."""

    @property
    def at_s(self) -> float: ...

    @property
    def text(self) -> str: ...


class CallRecord(Protocol):
    """A finished call, as the store has it; times are aware."""

    @property
    def id(self) -> str: ...

    @property
    def started(self) -> datetime: ...

    @property
    def ended(self) -> datetime: ...

    @property
    def caller(self) -> str: ...

    @property
    def caller_name(self) -> str: ...

    @property
    def dialled(self) -> str: ...

    @property
    def group(self) -> str: ...

    @property
    def vip(self) -> bool: ...

    @property
    def result(self) -> str: ...

    @property
    def status(self) -> int: ...

    @property
    def agent(self) -> str | None: ...

    @property
    def talk_s(self) -> float: ...

    @property
    def ring_s(self) -> float: ...

    @property
    def steps(self) -> Sequence[Step]: ...


class Calls(Protocol):
    """Finished calls, as recorded."""

    async def latest(self, limit: int) -> Sequence[CallRecord]:
        """Newest first."""

    async def beginning(self, start: str) -> Sequence[CallRecord]:
        """Those whose id begins so, newest first, at most ten."""


class Offices(Protocol):
    """Users and groups as they are now; nothing is changed through it."""

    async def read(self) -> Office: ...

    async def numbers(self) -> Sequence[tuple[str, str]]:
        """Manager numbers with the names of their groups, in order, at most two hundred; quick."""


class RehearsalRefusedError(Exception):
    """There is no such group, no such time, or nothing that calls are routed by. `hint`: what is right."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Rehearsal(Protocol):
    """What would become of a call, without a phone ringing."""

    async def explain(self, called: str, caller: str, at: str) -> Explanation:
        """A call that is not made, by the table that calls are routed by. `called`: a manager number or the
        name of its group; `at`: as people write it, empty for now. Raises RehearsalRefusedError."""


@dataclass(frozen=True, slots=True)
class OfficeView:
    """All that the shell shows of the office and its calls; it changes nothing."""

    calls: Calls
    offices: Offices
    rehearsal: Rehearsal

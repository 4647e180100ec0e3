"""What the shell needs to repair the store. Filled over the control socket, by a fake in tests.

Everything raises SystemUnavailableError when the supervisor does not answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from db.repair.found import Diagnosis

Report = Mapping[str, Any]
"""As `db.repair.report` makes it; long lists of rows may be cut."""


class RepairRefusedError(Exception):
    """A repair that cannot be, or not now."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class RepairState:
    """A repair that goes on, or the last one. `percent`: of its steps; `result`: what came of it, in words,
    empty while it goes on; `report`: names it."""

    who: str
    began: str
    step: str
    percent: int
    done: bool
    result: str = ""
    hint: str = ""
    failed: bool = False
    report: str = ""


class Repair(Protocol):
    async def check(self) -> Diagnosis:
        """What is wrong with the store; changes and stops nothing. Raises RepairRefusedError."""

    async def start(self, who: str, *, force: bool = False) -> RepairState:
        """Begin; it goes on by itself. Raises RepairRefusedError, which says who repairs already."""

    async def state(self) -> RepairState | None:
        """None when there has never been a repair."""

    def follow(self) -> AsyncGenerator[RepairState, None]:
        """Each step from the present one to the end. Whoever stops reading stops nothing."""

    async def reports(self) -> Sequence[Report]:
        """Newest first."""

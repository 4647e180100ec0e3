"""What the shell needs to make support bundles. Filled over the control socket, by a fake in tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class SupportRefusedError(Exception):
    """It cannot be done, or was cancelled; nothing is left of it. `hint`: the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Bundle:
    """A file with all that somebody far away needs. `made`: aware."""

    name: str
    size: int
    made: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` of `of`; `doing`: the part that is being written. `missing`: parts that could not be had, each
    with why. `bundle`: the last one has it."""

    step: int
    of: int
    doing: str
    missing: tuple[str, ...] = ()
    bundle: Bundle | None = None


class Support(Protocol):
    """Everything raises SupportRefusedError and SystemUnavailableError."""

    def make(self) -> AsyncGenerator[Progress, None]:
        """How far it is, as it goes on; the last one has the bundle. Whoever asks while one is being made
        follows that one. Closed before its end, it is cancelled."""

    async def bundles(self) -> Sequence[Bundle]:
        """Newest first; at most three are kept."""

    async def delete(self, name: str) -> None: ...

"""What the shell needs to compact the store. Filled over the control socket, by a fake in tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from db.compacted import Compacted, Old
from db.variables.states import Actor


class CompactRefusedError(Exception):
    """It cannot be done, or somebody is at it. `hint`: the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Compacting:
    """`doing`: what is being done; `result`: the last one has it."""

    doing: str
    result: Compacted | None = None


class Compact(Protocol):
    """Everything raises CompactRefusedError and SystemUnavailableError."""

    async def old(self) -> Sequence[Old]:
        """The rows that would be deleted."""

    def run(self, actor: Actor) -> AsyncGenerator[Compacting, None]:
        """How far it is, as it goes on; the last one has the result. Refused while another one runs, with who
        runs it. Closed before its end, it goes on all the same."""

"""What the shell needs to restore backups. Filled over the control socket, by a fake in tests.

Everything raises SystemUnavailableError when the supervisor does not answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from db.backup.manifest import Kind
from db.restore.plan import Plan
from db.variables.states import Actor


class RestoreRefusedError(Exception):
    """A backup that cannot be restored, or not now; nothing has been changed. `hint`: the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class RestoreState:
    """A restore that goes on, or the last one. `step`, `percent`: how far it is; `saved`: the backup of the
    state before it, by its name, empty while there is none; `result`: what came of it in words; `notes`: what
    to know afterwards; `failed`: it is as it was before, or something is to be looked at."""

    stamp: str
    who: str
    began: datetime
    archive: str
    kinds: tuple[Kind, ...]
    step: str = "begins"
    percent: int = 0
    done: bool = False
    failed: bool = False
    saved: str = ""
    result: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()


class Restore(Protocol):
    """`archive`: a name among the backups of this machine, TARGET:NAME, or a path on this machine. `kinds`:
    what of it; none is everything. `password`: empty for none."""

    async def rehearse(self, actor: Actor, archive: str, kinds: Sequence[Kind], password: str) -> Plan:
        """What a restore would change; nothing is. It takes as long as reading the backup does. Raises
        RestoreRefusedError."""

    async def begin(self, actor: Actor, archive: str, kinds: Sequence[Kind], password: str) -> RestoreState:
        """It goes on by itself. Raises RestoreRefusedError, which says who restores already."""

    async def state(self) -> RestoreState | None:
        """None when there has been none."""

    def follow(self) -> AsyncGenerator[RestoreState, None]:
        """The state now and each later one, the last with `done`; nothing where there is none."""

"""What the shell needs to make backups. Filled over the control socket, by a fake in tests.

Everything raises SystemUnavailableError when the supervisor does not answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from db.variables.states import Actor

HERE = ""
"""The destination of a backup that stays on this machine."""


class BackupRefusedError(Exception):
    """A backup that cannot be made, or not now. `hint`: the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class BackupState:
    """A backup that is being made, or the last one. `doing`, `percent`: how far it is; `result`: what came of
    it in words, empty while it goes on; `file`: its name, once it is good."""

    number: int
    who: str
    began: datetime
    destination: str = HERE
    doing: str = "begins"
    percent: int = 0
    done: bool = False
    failed: bool = False
    result: str = ""
    hint: str = ""
    file: str = ""
    size: int = 0
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """One that is on this machine. `at`: when it was made."""

    name: str
    size: int
    at: datetime


class Backup(Protocol):
    async def begin(self, actor: Actor, destination: str, password: str) -> BackupState:
        """It goes on by itself. `destination`: HERE, or the name of a target; `password`: empty for none.
        Raises BackupRefusedError, which says who makes one already."""

    async def state(self) -> BackupState | None:
        """None when there has been none since the start."""

    def follow(self) -> AsyncGenerator[BackupState, None]:
        """Each state from the present one to the end. Whoever stops reading stops nothing."""

    async def kept(self) -> Sequence[KeptBackup]:
        """Newest first."""

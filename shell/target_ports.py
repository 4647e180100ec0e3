"""What the shell needs of the targets of backups. Filled over the control socket, by a fake in tests.

Everything raises SystemUnavailableError when the supervisor does not answer, and BackupRefusedError for what
cannot be. No secret ever comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from db.variables.states import Actor
from shell.backup_ports import KeptBackup


@dataclass(frozen=True, slots=True)
class TargetShown:
    """A target as it may be seen. `settings`: by the words that set them; secrets by their kind alone."""

    name: str
    kind: str
    where: str
    settings: Mapping[str, Any]
    proven: str = ""
    proven_at: str = ""
    result: str = ""
    late: bool = False


@dataclass(frozen=True, slots=True)
class TargetTested:
    """The steps that went well; `problem`: what did not, with its way out."""

    steps: Sequence[str]
    problem: str = ""
    hint: str = ""


class Targets(Protocol):
    async def all(self) -> Sequence[TargetShown]: ...

    async def add(self, actor: Actor, name: str, kind: str) -> None: ...

    async def set(self, actor: Actor, name: str, word: str, text: str) -> None: ...

    async def remove(self, actor: Actor, name: str) -> None: ...

    async def new_key(self, actor: Actor, name: str) -> str:
        """The line for the server's authorized_keys; the private key stays in the store."""

    async def test(self, name: str) -> TargetTested:
        """It really goes there, writes, reads and deletes."""

    async def kept(self, name: str) -> Sequence[KeptBackup]:
        """The backups there, newest first."""

"""A backup that an administrator has looked through before he restores it: one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from appliance.web.shelf import FileRow
from db.backup.manifest import Kind
from db.restore.plan import Plan
from db.variables.states import Actor
from shell.ports import SystemUnavailableError
from shell.restore_ports import Restore, RestoreRefusedError

KEPT_S = 900.0
"""For whoever does not make up his mind; its password is in memory meanwhile."""


class LookingError(Exception):
    """It cannot be looked through now."""


@dataclass(frozen=True, slots=True)
class Looked:
    """`plan`: None while it is read; `refused`: why it cannot be restored, and the way out. `file`: as it
    was, since another one may come by the same name."""

    actor: Actor
    file: FileRow
    kinds: tuple[Kind, ...]
    password: str
    plan: Plan | None = None
    refused: tuple[str, str] = ("", "")


class Looking:
    def __init__(self, restore: Restore, kept_s: float = KEPT_S) -> None:
        self._restore = restore
        self._kept_s = kept_s
        self._found: Looked | None = None
        self._task: asyncio.Task[None] | None = None

    def of(self, user: str) -> Looked | None:
        """What that user looks through, or has."""
        found = self._found
        return found if found is not None and found.actor.user == user else None

    def begin(self, actor: Actor, file: FileRow, kinds: Sequence[Kind], password: str) -> None:
        """In the place of what was looked through. Raises LookingError while somebody else's is read."""
        found = self._found
        if found and found.plan is None and not found.refused[0] and found.actor.user != actor.user:
            raise LookingError(f"{found.actor.user} looks through {found.file.name}. Try again in a minute.")
        self.leave()
        self._found = Looked(actor, file, tuple(kinds), password)
        self._task = asyncio.create_task(self._look(self._found), name="look through a backup")

    def leave(self) -> None:
        """Forget it, and its password."""
        self._found = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look(self, asked: Looked) -> None:
        try:
            plan = await self._restore.rehearse(asked.actor, asked.file.name, asked.kinds, asked.password)
            self._found = replace(asked, plan=plan)
        except RestoreRefusedError as exc:
            self._found = replace(asked, password="", refused=(exc.message, exc.hint))
        except SystemUnavailableError as exc:
            self._found = replace(asked, password="", refused=("the supervisor does not answer", str(exc)))
        await asyncio.sleep(self._kept_s)
        self._found = None

"""Backups that are made in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from db.variables.states import Actor
from shell.backup_ports import BackupRefusedError, BackupState, KeptBackup

NAME = "callisto-office-20261123-010203Z.zip"
AT = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)


class FakeBackup:
    """`hold`: it is not finished until that is set; None: at once. `failure`: why it fails. `asked`: by whom,
    whereto and with which password. `targets`: the names there are."""

    def __init__(self) -> None:
        self.hold: asyncio.Event | None = None
        self.failure: tuple[str, str] | None = None
        self.asked: list[tuple[Actor, str, str]] = []
        self.targets: set[str] = set()
        self._state: BackupState | None = None
        self._kept: list[KeptBackup] = []

    async def begin(self, actor: Actor, destination: str, password: str) -> BackupState:
        if self._state and not self._state.done:
            who = self._state.who
            raise BackupRefusedError(f"a backup is being made already, by {who}", "backup status looks on")
        if 0 < len(password) < 8:
            raise BackupRefusedError(
                "the password of a backup has 8 characters or more", "a sentence is good"
            )
        if destination and destination not in self.targets:
            raise BackupRefusedError(f"there is no target {destination!r}", "without a name, it stays here")
        self.asked.append((actor, destination, password))
        number = self._state.number + 1 if self._state else 1
        self._state = BackupState(
            number, actor.user, AT, destination, "writes the backup", 40, encrypted=bool(password)
        )
        if self.hold is None:
            begun, self._state = self._state, self._ended(self._state)
            return begun
        return self._state

    async def state(self) -> BackupState | None:
        if self._state and not self._state.done and self.hold and self.hold.is_set():
            self._state = self._ended(self._state)
        return self._state

    async def follow(self) -> AsyncGenerator[BackupState, None]:
        state = await self.state()
        if state is None:
            return
        if not state.done:
            yield state
            if self.hold:
                await self.hold.wait()
            state = await self.state() or state
        yield state

    async def kept(self) -> Sequence[KeptBackup]:
        await self.state()
        return tuple(self._kept)

    def _ended(self, state: BackupState) -> BackupState:
        if self.failure:
            said, hint = self.failure
            return replace(state, doing="", done=True, failed=True, result=said, hint=hint)
        self._kept.insert(0, KeptBackup(NAME, 12_300_000, AT))
        return replace(state, doing="", percent=100, done=True, result="12.3 MB with 4,711 rows", file=NAME)

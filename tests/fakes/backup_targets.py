"""Targets of backups in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from db.errors import StoreError
from db.targets import SECRETS, WORDS, TargetSettings, changed, lacking, made
from db.variables.states import Actor
from shell.backup_ports import BackupRefusedError, KeptBackup
from shell.target_ports import TargetShown, TargetTested


class FakeTargets:
    """`there`: by name; `on`: the backups on each."""

    def __init__(self) -> None:
        self.there: dict[str, TargetSettings] = {}
        self.on: dict[str, list[str]] = {}

    async def all(self) -> Sequence[TargetShown]:
        return tuple(_shown(each) for _, each in sorted(self.there.items()))

    async def add(self, actor: Actor, name: str, kind: str) -> None:
        try:
            self.there[name] = made(name, kind)
        except StoreError as exc:
            raise BackupRefusedError(exc.message, exc.hint) from exc

    async def set(self, actor: Actor, name: str, word: str, text: str) -> None:
        try:
            self.there[name] = changed(self._get(name), word, text)
        except StoreError as exc:
            raise BackupRefusedError(exc.message, exc.hint) from exc

    async def remove(self, actor: Actor, name: str) -> None:
        self._get(name)
        del self.there[name]

    async def new_key(self, actor: Actor, name: str) -> str:
        await self.set(actor, name, "secret", "-----BEGIN the fake's private key-----")
        return "ssh-ed25519 AAAA callisto-backup"

    async def test(self, name: str) -> TargetTested:
        if missing := lacking(self._get(name)):
            return TargetTested((), f"target {name} is not complete: it lacks {missing}", "set it")
        return TargetTested((f"{self._get(name).words} is reached", "a file can be deleted there"))

    async def kept(self, name: str) -> Sequence[KeptBackup]:
        self._get(name)
        return [KeptBackup(each, 12_300_000, datetime(2026, 11, 23, tzinfo=UTC)) for each in self.on[name]]

    def _get(self, name: str) -> TargetSettings:
        if name not in self.there:
            raise BackupRefusedError(f"there is no target {name!r}", "target add NAME KIND makes one")
        return self.there[name]


def _shown(each: TargetSettings) -> TargetShown:
    values = {word: getattr(each, name) for word, (name, _) in WORDS.items() if name not in SECRETS}
    values |= {"secret": each.secret_kind, "password": "set" if each.password else "none"}
    return TargetShown(each.name, each.kind.value, each.words, values)

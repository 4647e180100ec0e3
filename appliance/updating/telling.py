"""What an administrator has to know of updates at his login: kept until he knows it, or has done it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from appliance.config import Config
from appliance.store_keeper import StoreKeeper
from appliance.updating import words
from appliance.updating.memory import Memory, Told
from appliance.updating.root_side import RootSide
from db.backup.folder import kept
from db.backup.names import made_at_of
from db.errors import StoreError
from db.location import sqlite_file
from db.stepping_back import before, last_put_back
from shell.update_ports import Notice


class Telling:
    """All of it blocks a little, but for `backed_up`."""

    def __init__(self, config: Config, machine: RootSide, memory: Memory, store: StoreKeeper) -> None:
        self._backups = config.backups
        self._machine = machine
        self._memory = memory
        self._store = store
        self._backed_up: datetime | None = None
        try:
            self._file = sqlite_file(config.store_url)
        except StoreError:
            self._file = None

    def look(self) -> None:
        """Has the schema of the store moved, and is that to stay? Then backups of before are of another one.
        While something is on trial, nobody knows."""
        schema = self._store.state().schema or ""
        if not self._machine.slot or not schema or self._machine.on_trial():
            return
        told = self._memory.told()
        if schema == told.schema:
            return
        moved = replace(told, schema=schema)
        if told.schema and told.schema < schema:
            moved = replace(moved, was=told.schema, backup_since=datetime.now(UTC).isoformat())
        elif told.schema:
            moved = replace(moved, was="", backup_since="")
        with suppress(OSError):
            self._memory.keep_told(moved)

    def notices(self) -> Sequence[Notice]:
        self.look()
        last = self._machine.outcome()
        since = last.told.at if last is not None else datetime.now(UTC)
        return words.notices(last, self._without_backup(), self.put_back(since))

    def seen(self) -> bool:
        """Whether there was an outcome that nobody had seen."""
        last, told = self._machine.outcome(), self._memory.told()
        if last is None or told.seen == words.key_of(last):
            return False
        self._memory.keep_told(replace(told, seen=words.key_of(last)))
        return True

    def backed_up(self, began: datetime) -> None:
        self._backed_up = began

    def put_back(self, since: datetime) -> str:
        """That the store from before was put back about then or later, in words; empty where it was not."""
        done = last_put_back(self._file) if self._file is not None else None
        last = self._machine.outcome()
        if done is None or last is None or last.told.what not in ("fell back", "went back"):
            return ""
        return done.words() if done.at >= min(since, last.told.at) else ""

    def lost_by_back(self, known: str | None) -> Sequence[str]:
        """`known`: the newest schema that the version before reads; None: nobody knows. In words."""
        schema = self._store.state().schema or ""
        kept = None
        with suppress(StoreError, OSError):  # one that cannot be read is not put back either
            kept = before(self._file, schema) if self._file is not None and schema else None
        return words.lost_by_back(kept, schema, known)

    def _without_backup(self) -> Told:
        """What is known; a backup that was made since ends the notice."""
        told = self._memory.told()
        if not told.backup_since:
            return told
        since = datetime.fromisoformat(told.backup_since).replace(microsecond=0)
        made = (made_at_of(each.name) for each in kept(self._backups)) if self._backups.is_dir() else ()
        if any(at is not None and at >= since for at in (*made, self._backed_up)):
            told = replace(told, was="", backup_since="")
            with suppress(OSError):
                self._memory.keep_told(told)
        return told

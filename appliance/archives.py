"""Where the archive is that somebody wants to restore."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from appliance.config import Config
from db.backup.folder import kept
from shell.restore_ports import RestoreRefusedError

UPLOADED = "upload.zip"
"""The backup that came through the browser last."""
Fetch = Callable[[str, str], Awaitable[Path]]
"""A backup from a target, by the names of both. Raises RestoreRefusedError."""


async def no_targets(target: str, _name: str) -> Path:
    raise RestoreRefusedError(f"there is no target {target[:40]!r}", "show backups lists what is here")


class Archives:
    """`fetch`: to be set by who knows the targets."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.fetch: Fetch = no_targets

    async def find(self, archive: str) -> Path:
        """The file of a name in the folder of backups, of a path, of `upload.zip` that came through the
        browser, or of `TARGET:NAME`. Raises RestoreRefusedError."""
        if archive.startswith("/"):
            path = Path(archive)
            if not await asyncio.to_thread(path.is_file):
                raise RestoreRefusedError(f"there is no file {archive[:200]}", "give the path of a backup")
            return path
        if archive == UPLOADED:
            return self._uploaded()
        here = next((each for each in kept(self._config.backups) if each.name == archive), None)
        if here is not None:
            return here
        target, colon, name = archive.partition(":")
        if colon and target and name:
            return await self.fetch(target, name)
        raise RestoreRefusedError(f"there is no backup {archive[:80]!r} here", "show backups lists them")

    def _uploaded(self) -> Path:
        path = self._config.uploads / UPLOADED
        if not path.is_file():
            raise RestoreRefusedError("nothing was uploaded", "the page Files of the web service takes one")
        return path

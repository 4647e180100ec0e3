"""Bundles that come onto the shelf, by an upload or from a target of backups: verified, or not kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from appliance.errands import Errands
from appliance.updating import words
from appliance.updating.shelf import Found, Shelf
from appliance.updating.showing import Showing
from db.variables.states import Actor
from firmware.update.bundle import BundleError
from shell.update_ports import UpdateRefusedError, UpdateState

log = logging.getLogger(__name__)

Progress = Callable[[str, int], None]
Fetch = Callable[[str, str, Shelf, Progress], Awaitable[Found]]


class Arrivals:
    """`bring`: a bundle from a target onto the shelf, to be set by who knows; it raises UpdateRefusedError.
    `note`: into the audit trail. `came`: told when the shelf has another one."""

    def __init__(
        self,
        shelf: Shelf,
        showing: Showing,
        errands: Errands,
        note: Callable[[Actor, str], Awaitable[None]],
        came: Callable[[], Awaitable[None]],
    ) -> None:
        self._shelf = shelf
        self._showing = showing
        self._errands = errands
        self._note = note
        self._came = came
        self.bring: Fetch = _from_nowhere

    async def add(self, begun: UpdateState, actor: Actor, path: Path) -> Found:
        """Raises UpdateRefusedError."""
        try:
            found = await self._errands.do(self._shelf.take, path, self._progress())
        except BundleError as exc:
            self._showing.see(words.failed(begun, f"{begun.name}: {exc.message}", exc.hint))
            await self._note(actor, f"refused: {begun.name[:100]}: {exc.message}")
            hint = exc.hint or "take the file as it was published"
            raise UpdateRefusedError(f"{begun.name[:100]}: {exc.message}", hint) from exc
        await self._is_here(begun, actor, found)
        return found

    async def fetch(self, begun: UpdateState, actor: Actor, target: str) -> Found | None:
        """None where it did not come: what is shown says why."""
        try:
            found = await self.bring(target, begun.name, self._shelf, self._progress())
        except (BundleError, UpdateRefusedError) as exc:
            self._showing.see(words.failed(begun, f"{begun.name}: {exc.message}", exc.hint))
            await self._note(actor, f"refused: {begun.name} from {target}: {exc.message}")
            return None
        except Exception as exc:
            log.exception("an update could not be fetched")
            self._showing.see(words.failed(begun, f"it has failed: {type(exc).__name__}", "the log says why"))
            return None
        await self._is_here(begun, actor, found)
        return found

    def _progress(self) -> Progress:
        """From whatever thread."""
        loop = asyncio.get_running_loop()

        def tell(doing: str, percent: int) -> None:
            loop.call_soon_threadsafe(self._showing.at, doing, percent)

        return tell

    async def _is_here(self, begun: UpdateState, actor: Actor, found: Found) -> None:
        assert found.sheet is not None
        said = f"{found.name} ({found.sheet.kind} {found.sheet.version}) is here, and good"
        self._showing.see(words.done(begun, said, "update list shows what it would do"))
        await self._note(actor, f"added: {found.name}, {found.sheet.kind} {found.sheet.version}")
        await self._came()


async def _from_nowhere(target: str, *_: object) -> Found:
    raise UpdateRefusedError(f"there is no target {target[:40]!r}", "show targets lists them")

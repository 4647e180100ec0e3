"""The store as the supervisor holds it: opened when it can be, its work done in one thread of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from appliance.errands import Errands
from appliance.status import StoreState
from db.compacted import Compacted, Keep
from db.errors import StoreUnavailableError
from db.soundness import Soundness
from db.store import Store, prepare

T = TypeVar("T")

AGAIN_AFTER = 2.0


class StoreKeeper:
    """A store that is lost is used again when it is back; one that could not be opened is tried again.

    `make`: whether one that is not there is made. It must not be where there was one: the office would be
    replaced by an empty one for the calls too.
    """

    def __init__(
        self, url: str, url_shown: str, edition: str, *, make: bool = True, journal: Path | None = None
    ) -> None:
        self._journal = journal
        self._make = make
        self._url = url
        self._url_shown = url_shown
        self._edition = edition
        self._errands = Errands("store")
        self._looking = Errands("look at the store")
        self._compacting = Errands("compact the store")
        self._look: asyncio.Task[Soundness] | None = None
        self._looked: tuple[datetime, Soundness] | None = None
        self._store: Store | None = None
        self._revision: int | None = None
        self._error = ""
        self._try_at = 0.0

    async def open(self) -> None:
        """Make or migrate the store and open it. Raises StoreError."""
        await self._errands.do(self._open)

    async def do(self, work: Callable[[Store], T]) -> T:
        """The result of `work`, done in the store's thread. Also raises StoreUnavailableError."""
        return await self._errands.do(lambda: work(self._present()))

    async def revision(self) -> int:
        """Asks the store."""
        self._revision = await self.do(Store.revision)
        return self._revision

    async def look_through(self, within_s: float) -> Soundness:
        """In a thread of its own: call records are taken in meanwhile. Who asks while one looks gets the same
        answer. Raises StoreError, NotInTimeError."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._look_through(within_s), name="look through the store")
            self._look.add_done_callback(_seen)
        return await asyncio.shield(self._look)

    async def compact(self, keep: Keep, tell: Callable[[str], None]) -> Compacted:
        """In a thread of its own, which calls `tell`: the store is read and written meanwhile. Raises
        StoreError."""
        store: Store = await self.do(lambda opened: opened)
        return await self._compacting.do(store.compact, keep, tell)

    def is_(self, error: str) -> None:
        """What the last attempt to follow the store has come to, for `state`; empty when it went well."""
        self._error = error

    def state(self) -> StoreState:
        """As known from the last attempts; never waits."""
        schema = self._store.schema if self._store else None
        at, found = self._looked or (None, None)
        return StoreState(
            self._url_shown,
            self._revision,
            schema,
            self._error,
            size_bytes=(self._store.size_bytes() if self._store else 0) or (found.bytes if found else 0),
            sound=found.is_sound if found else None,
            looked_at=at,
        )

    def close(self) -> None:
        """Without waiting for a store that hangs."""
        if self._store and not self._error:
            self._store.close()

    async def _look_through(self, within_s: float) -> Soundness:
        store: Store = await self.do(lambda opened: opened)
        found = await self._looking.do(store.soundness, within_s)
        self._looked = (datetime.now(UTC), found)
        return found

    def _open(self) -> Store:
        prepare(self._url, make=self._make)
        self._store = Store.open(self._url, self._edition, journal=self._journal)
        return self._store

    def _present(self) -> Store:
        if self._store:
            return self._store
        now = time.monotonic()
        if now < self._try_at:
            raise StoreUnavailableError(self._error or "the store is not open")
        self._try_at = now + AGAIN_AFTER
        return self._open()


def _seen(look: asyncio.Task[Soundness]) -> None:
    """Its failure is told to those who wait for it; if they have given up, to nobody."""
    if not look.cancelled():
        look.exception()

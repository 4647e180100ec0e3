"""The store as the supervisor holds it: opened when it can be, its work done in one thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from appliance.errands import Errands
from appliance.status import StoreState
from db.errors import StoreUnavailableError
from db.store import Store, prepare

T = TypeVar("T")

AGAIN_AFTER = 2.0


class StoreKeeper:
    """A store that is lost is used again when it is back; one that could not be opened is tried again.

    `make`: whether one that is not there is made. It must not be where there was one: the office would be
    replaced by an empty one for the calls too.
    """

    def __init__(self, url: str, url_shown: str, edition: str, *, make: bool = True) -> None:
        self._make = make
        self._url = url
        self._url_shown = url_shown
        self._edition = edition
        self._errands = Errands("store")
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

    def is_(self, error: str) -> None:
        """What the last attempt to follow the store has come to, for `state`; empty when it went well."""
        self._error = error

    def state(self) -> StoreState:
        """As known from the last attempts; never waits."""
        schema = self._store.schema if self._store else None
        return StoreState(self._url_shown, self._revision, schema, self._error)

    def close(self) -> None:
        """Without waiting for a store that hangs."""
        if self._store and not self._error:
            self._store.close()

    def _open(self) -> Store:
        prepare(self._url, make=self._make)
        self._store = Store.open(self._url, self._edition)
        return self._store

    def _present(self) -> Store:
        if self._store:
            return self._store
        now = time.monotonic()
        if now < self._try_at:
            raise StoreUnavailableError(self._error or "the store is not open")
        self._try_at = now + AGAIN_AFTER
        return self._open()

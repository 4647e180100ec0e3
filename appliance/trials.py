"""Changes on trial are undone when their time is over, whoever asked for them and is gone meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from appliance.store_keeper import StoreKeeper
from db.store import Store
from db.variables.states import Actor
from db.variables.trials import Deadlines, Outcome, Trial

log = logging.getLogger(__name__)

SYSTEM = Actor("", "", "system")
SHOWN = {
    Outcome.UNDONE: "nobody confirmed it: it is undone",
    Outcome.OVERTAKEN: "nobody confirmed it, and it has been changed since: nothing to undo",
    Outcome.KEPT: "nobody confirmed it, but the value before it would not be right any more: it is kept",
}


class Trials:
    """The store has them; the deadlines are on the clock that nobody sets. What cannot be undone now is tried
    again, and the store undoes each once, whoever else tries."""

    def __init__(
        self,
        store: StoreKeeper,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._now = now
        self._monotonic = monotonic
        self._deadlines = Deadlines({})

    async def follow(self) -> None:
        """Those that the store has now. Raises StoreError."""
        waiting = await self._store.do(lambda store: store.variables.waiting())
        self._deadlines = self._deadlines.following(waiting, self._now(), self._monotonic())

    async def end(self) -> None:
        """Those whose time is over. Raises StoreError."""
        for number in self._deadlines.over(self._monotonic()):
            ended = await self._store.do(partial(_give_up, number=number))
            if ended is not None:
                log.warning("change %d of %s: %s", number, ended.change.name, SHOWN[ended.outcome])
            self._deadlines = self._deadlines.without(number)


def _give_up(store: Store, number: int) -> Trial | None:
    return store.variables.give_up(number, SYSTEM)

"""What the supervisor does with the store: the router's table, planned restarts, trials, call records."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from appliance.config import Config
from appliance.errands import Errands
from appliance.hosts import Hosts
from appliance.ingest import Ingest
from appliance.logs import Trouble
from appliance.plans import PLANNED, Plans, known
from appliance.publisher import Content, Fixed, Publisher, content_of
from appliance.store_keeper import StoreKeeper
from appliance.trials import Trials
from db.known_admins import keep
from db.store import Store
from router.model import RoutingTable

log = logging.getLogger(__name__)

POLL_EVERY = 0.5
AGAIN_AFTER = 2.0
INGEST_EVERY = 2.0
RESOLVE_EVERY = 60.0
LAST_INGEST_WITHIN = 0.2
OF_STORE = {"trace_group": "store"}


class Housekeeping:
    """Whatever goes wrong here is said once and tried again: calls go on without the store."""

    def __init__(
        self,
        config: Config,
        store: StoreKeeper,
        plans: Plans,
        time_server: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`time_server` is told gTimeServer."""
        self._time_server = time_server
        self._store = store
        self._known_admins = config.known_admins
        self._announcements = str(config.announcements)
        self._plans = plans
        self._trials = Trials(store)
        self._ingest = Ingest(config.spool)
        self._spool = Errands("spool")
        self._publisher = Publisher(
            config.routing_file,
            Fixed(config.peers, config.networks),
            self._read_table,
            Hosts(),
            Errands("publisher"),
        )
        self._seen: int | None = None
        self._resolve_now = asyncio.Event()
        self._trouble = Trouble(log, "store")
        self.also: Callable[[], Awaitable[None]] = _nothing
        """Done with each new revision. To be set by who has to follow the store, too."""
        self.pending = 0
        """Call records that are not in the store yet, as counted last."""

    @property
    def table(self) -> RoutingTable | None:
        """As published last."""
        return self._publisher.table

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name="follow the store")
            tasks.create_task(self._resolve(), name="resolve hosts")
            tasks.create_task(self._take_in(), name="take in call records")

    async def look(self) -> bool:
        """Act on a new revision; whether that went well."""
        try:
            revision = await self._store.revision()
            if revision != self._seen:
                log.debug("the store is of revision %d, and was of %s", revision, self._seen, extra=OF_STORE)
                await self._publisher.publish()
                for planned in PLANNED:
                    self._plans.follow(planned, await self._store.do(partial(known, planned=planned)))
                await self._store.do(lambda store: keep(self._known_admins, store.accounts.with_hashes()))
                self._time_server(await self._store.do(_time_server))
                await self._trials.follow()
                await self.also()
                self._seen = revision
                self._resolve_now.set()
            await self._trials.end()
        except Exception as exc:
            error = str(exc) or repr(exc)
            self._store.is_(error)
            self._trouble.is_(error)
            return False
        self._trouble.over()
        self._store.is_("")
        return True

    async def take_in_the_rest(self) -> None:
        """What the router left when it ended; what is not done in time is done at the next start."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(LAST_INGEST_WITHIN):
                await self._take_in_once()

    async def _follow(self) -> None:
        while True:
            fine = await self.look()
            await asyncio.sleep(POLL_EVERY if fine else AGAIN_AFTER)

    async def _resolve(self) -> None:
        trouble = Trouble(log, "routing table")
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RESOLVE_EVERY):
                    await self._resolve_now.wait()
            self._resolve_now.clear()
            try:
                await self._publisher.resolve()
            except OSError as exc:
                trouble.is_(str(exc))
            else:
                trouble.over()

    async def _take_in(self) -> None:
        trouble = Trouble(log, "call records")
        while True:
            try:
                await self._take_in_once()
            except Exception as exc:  # they stay in the spool
                trouble.is_(str(exc) or repr(exc))
            else:
                trouble.over()
            await asyncio.sleep(INGEST_EVERY)

    async def _take_in_once(self) -> None:
        try:
            await self._store.do(lambda store: self._ingest.turn(store.calls))
        finally:
            self.pending = await self._spool.do(self._ingest.pending)

    async def _read_table(self) -> Content:
        return await self._store.do(
            lambda store: content_of(partial(store.routing_table, self._announcements))
        )


async def _nothing() -> None:
    return


def _time_server(store: Store) -> str:
    return store.variables.get("gTimeServer").value

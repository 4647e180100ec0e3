"""Starts the services and keeps them, and does what belongs to none of them.

It publishes the routing table, takes in call records, runs the planned restarts, and answers on the control
socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial

from appliance import sysinfo
from appliance.clock import local_zone
from appliance.config import Config
from appliance.control.protocol import RefusedError, Request
from appliance.control.server import ControlServer, Handler, Peer
from appliance.errands import Errands
from appliance.hosts import Hosts
from appliance.ingest import Ingest
from appliance.lifecycle import Limits, State
from appliance.logs import Trouble
from appliance.plans import PLANNED, Plans, keeper, known
from appliance.publisher import Publisher
from appliance.services.children import Child, LocalChildren
from appliance.services.ports import Unit, UnitFailedError, UnitState
from appliance.status import About, status
from appliance.store_keeper import StoreKeeper
from db.stores.jobs import JobRun
from router.model import RoutingTable, Trunk
from scheduler.service import Planner

log = logging.getLogger(__name__)

POLL_EVERY = 0.25
INGEST_EVERY = 0.5
RESOLVE_EVERY = 60.0
STOP_WITHIN = 4.1
STOPS = {Unit.ROUTER: 2.4, Unit.SHELL: 0.8, Unit.WEB: 0.8}
"""Seconds from SIGTERM to SIGKILL; in all less than the five seconds in which everything has to stop."""
LAST_INGEST_WITHIN = 0.2


class Supervisor:
    """Create it inside the running event loop. `output` gets each line a service writes; `env`: the
    environment of the services, without our settings."""

    def __init__(
        self,
        config: Config,
        version: str,
        store: StoreKeeper,
        env: Mapping[str, str],
        output: Callable[[str, str], None],
    ) -> None:
        self._config = config
        self._store = store
        self._about = _about(config, version)
        self._facts: dict[Unit, dict[str, object]] = {unit: {} for unit in Unit}
        self._errands = Errands("spool")
        self._ingest = Ingest(config.spool)
        self._pending = 0
        self._publisher = Publisher(
            config.routing_file, config.trunk, self._table, Hosts(), Errands("publisher")
        )
        self._seen: int | None = None
        self._resolve_now = asyncio.Event()
        self.services = LocalChildren(_children(config, env), output)
        self._planner = Planner(local_zone(), keeper(self._keep_run))
        self._plans = Plans(self._planner, self.services)

    @property
    def router_facts(self) -> Mapping[str, object]:
        return self._facts[Unit.ROUTER]

    @property
    def table(self) -> RoutingTable | None:
        """As published last."""
        return self._publisher.table

    async def run(self, ready: Callable[[tuple[UnitState, ...]], None]) -> None:
        """Until cancelled; then everything is stopped. `ready` is told the state of the services once each of
        them is ready or has failed."""
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._take_in_the_rest)
            await undo.enter_async_context(ControlServer(self._config.control_socket, self._handlers()))
            undo.callback(self.services.watch(self._changed))
            undo.push_async_callback(self.services.close, within=STOP_WITHIN)
            undo.push_async_callback(self._planner.close)
            await self._look(Trouble(log, "store"))  # the routing table is there before the router
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._start_all(ready), name="start services")
                tasks.create_task(self._follow(), name="follow the store")
                tasks.create_task(self._take_in(), name="take in call records")
                tasks.create_task(self._resolve(), name="resolve hosts")

    # Services

    async def _start_all(self, ready: Callable[[tuple[UnitState, ...]], None]) -> None:
        await asyncio.gather(*(self._start(unit) for unit in Unit))
        ready(tuple(self.services.state(unit) for unit in Unit))

    async def _start(self, unit: Unit) -> None:
        try:
            await self.services.start(unit)
        except UnitFailedError as exc:
            log.error("%s; the other services go on", exc)

    def _changed(self, state: UnitState) -> None:
        match state.state:
            case State.BACKING_OFF:
                log.error("%s: %s; it is started again", state.unit, state.last_exit)
            case State.FAILED:
                log.error("%s: %s; it is not started again until asked for", state.unit, state.last_exit)
            case State.READY | State.STOPPING | State.STOPPED | State.STARTING:
                pid = f", pid {state.pid}" if state.pid else ""
                log.info("%s is %s%s", state.unit, state.state.value, pid)

    # Requests

    def _handlers(self) -> dict[str, Handler]:
        return {
            "status": self._status,
            "ready": self._ready,
            "facts": self._told,
            "restart": self._restart,
        }

    def _status(self, _: Request, __: Peer) -> dict[str, object]:
        units = [(self.services.state(unit), self._facts[unit]) for unit in Unit]
        host = sysinfo.host(self._config.state)
        jobs = self._plans.states()
        return status(
            self._about,
            services=units,
            jobs=jobs,
            store=self._store.state(),
            pending=self._pending,
            host=host,
            now=time.monotonic(),
        )

    def _ready(self, request: Request, peer: Peer) -> None:
        unit = _unit(request)
        facts = request.table("facts")
        if not self.services.ready(unit, peer.pid):
            raise RefusedError(f"pid {peer.pid} is not the present process of {unit}")
        self._facts[unit] = facts

    def _told(self, request: Request, peer: Peer) -> None:
        unit = _unit(request)
        if self.services.state(unit).pid != peer.pid:
            raise RefusedError(f"pid {peer.pid} is not the present process of {unit}")
        self._facts[unit] = request.table("facts")

    async def _restart(self, request: Request, peer: Peer) -> dict[str, object]:
        unit = _unit(request)
        log.info(
            "restart of %s asked for by pid %d: %s", unit, peer.pid, request.args.get("reason", "no reason")
        )
        began = time.monotonic()
        try:
            await self.services.restart(unit)
        except UnitFailedError as exc:
            raise RefusedError(str(exc), "the log says why; it is tried again") from exc
        return {"service": unit.value, "after_s": round(time.monotonic() - began, 2)}

    # The store and the spool

    async def _follow(self) -> None:
        trouble = Trouble(log, "store")
        while True:
            await self._look(trouble)
            await asyncio.sleep(POLL_EVERY)

    async def _look(self, trouble: Trouble) -> None:
        """Act on a new revision. Calls go on without the store: nothing that goes wrong here may end us."""
        try:
            revision = await self._store.revision()
            if revision != self._seen:
                await self._publisher.publish()
                for planned in PLANNED:
                    self._plans.follow(planned, await self._store.do(partial(known, planned=planned)))
                self._seen = revision
                self._resolve_now.set()
        except Exception as exc:
            trouble.is_(str(exc) or repr(exc))
        else:
            trouble.over()

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
            self._pending = await self._errands.do(self._ingest.pending)

    async def _take_in_the_rest(self) -> None:
        """What the router left when it ended; what is not done in time is done at the next start."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(LAST_INGEST_WITHIN):
                await self._take_in_once()

    async def _table(self, trunk: Trunk | None) -> RoutingTable:
        return await self._store.do(lambda store: store.routing_table(trunk))

    async def _keep_run(self, run: JobRun) -> None:
        await self._store.do(lambda store: store.jobs.record(run))


def _unit(request: Request) -> Unit:
    name = request.text("service")
    try:
        return Unit(name)
    except ValueError:
        raise RefusedError(f"there is no service {name[:40]!r}", f"known are {', '.join(Unit)}") from None


def _about(config: Config, version: str) -> About:
    ports = {"telnet": config.telnet_port, "sip": config.sip_port, "web": config.web_port}
    trunk = str(config.trunk) if config.trunk else ""
    started = datetime.now().astimezone()
    return About(version, config.edition, started, config.listen, ports, config.state, trunk)


def _children(config: Config, env: Mapping[str, str]) -> tuple[Child, ...]:
    """Each service is this program again, in the role of that name."""
    return tuple(
        Child(
            unit,
            (sys.executable, "-P", "-m", "appliance", unit.value),
            {**env, **config.environment()},
            Limits(stop_within=STOPS[unit]),
        )
        for unit in Unit
    )

"""Starts the services, keeps them running and answers for them on the control socket."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial

from appliance.archives import Archives
from appliance.backups import Backups
from appliance.carrying import Carrying
from appliance.checks.runner import Runner
from appliance.checks.suite import Sources, suite
from appliance.clock import local_zone
from appliance.compacting import Compactor
from appliance.config import Config
from appliance.control.backup import handlers as backup_handlers
from appliance.control.checks import handlers as checks_handlers
from appliance.control.clock import handlers as clock_handlers
from appliance.control.compact import handlers as compact_handlers
from appliance.control.maintenance import handlers as maintenance_handlers
from appliance.control.restore import handlers as restore_handlers
from appliance.control.server import ControlServer, Handler
from appliance.control.support import handlers as support_handlers
from appliance.control.targets import handlers as target_handlers
from appliance.control.trace import handlers as trace_handlers
from appliance.control.update import handlers as update_handlers
from appliance.crew import STOP_WITHIN, children
from appliance.hostclock.bare import BareClock
from appliance.hostclock.ports import OwnedClock
from appliance.housekeeping import Housekeeping
from appliance.journal_keeper import JournalKeeper
from appliance.lifecycle import State
from appliance.machine import Machine, alarms
from appliance.maintenance import Maintenance
from appliance.memory import Limits
from appliance.plans import Plans, keeper
from appliance.reports import CALLS, Reports
from appliance.restored import look_after_restore
from appliance.restoring import Around as AroundRestore
from appliance.restoring import Restoring
from appliance.services.notify import Notify
from appliance.services.ports import Unit, UnitFailedError, UnitState
from appliance.services.steward import NEEDED, steward
from appliance.sntp import TimeServers
from appliance.status import About, Around, status
from appliance.store_keeper import StoreKeeper
from appliance.support.bundles import Bundles
from appliance.support.contents import Contents
from appliance.support.desk import Desk
from appliance.timekeeper import TimeKeeper
from appliance.trace.captures import Captures
from appliance.trace.hub import SELF, Hub
from appliance.trace.log_source import tell_own_log
from appliance.trace.past import Past
from appliance.updates import Updates
from appliance.updating.around import Around as AroundUpdates
from appliance.updating.root_side import unit_of
from appliance.watchdog import Watchdog
from db.compacted import Keep
from db.stores.jobs import JobRun
from router.model import RoutingTable
from scheduler.service import Planner

log = logging.getLogger(__name__)


class Supervisor:
    """Create it inside the running event loop. `output` gets the lines a service writes; `env`: the
    environment of the services, without our settings. `clock`: without one, the machine's is only read.
    `past` gets those lines too: our own are in it already."""

    def __init__(
        self,
        config: Config,
        version: str,
        store: StoreKeeper,
        env: Mapping[str, str],
        output: Callable[[str, str], None],
        *,
        clock: OwnedClock | None = None,
        past: Past | None = None,
        started_because: str = "",
    ) -> None:
        self._config = config
        self._store = store
        self._about = _about(config, version, started_because)
        self._past = past or Past()
        self._trace = Hub(Captures(config.state / "traces", version), self._past)
        self._output = output
        self.services, self._follow = steward(config.services, children(config, env), env, self._said)
        memory = Limits(config.memory_limit_mb, 2 * config.memory_limit_mb)
        self._reports = Reports(self.services)
        self._watchdog = Watchdog(self.services, self._reports.calls, dict.fromkeys(CALLS, memory))
        self._reports.heard = self._watchdog.heard
        self._planner = Planner(local_zone(), keeper(self._keep_run))
        self._plans = Plans(self._planner, self.services)
        self._time = TimeKeeper(
            clock or BareClock(), TimeServers().ask, self._planner.look_at_clock, self._planner.replan
        )
        self._house = Housekeeping(config, store, self._plans, self._time.follow)
        self._journal = JournalKeeper(config, env, store, self._plans, lambda: bool(self._exchanging()))
        self._machine = Machine(config)
        self._began = time.monotonic()
        self._checks = Runner(
            suite(Sources(config, self._whole_status, self._time.check, store.look_through))
        )
        kept = Keep(config.keep_calls_days, config.keep_audit_days, config.keep_jobs_days)
        self._compactor = Compactor(store, kept, self._exchanging)
        self._maintenance = Maintenance(
            config,
            env,
            self.services,
            lambda: store.state().revision,
            busy=lambda: self._compactor.busy() or self._restoring.busy() or self._updates.busy(),
        )
        self._backups = Backups(config, env, store, self._exchanging)
        self.archives = Archives(config)
        self._restoring = Restoring(
            config,
            env,
            self.services,
            store,
            AroundRestore(
                lambda: (
                    self._maintenance.busy()
                    or self._compactor.busy()
                    or self._backups.busy()
                    or self._updates.busy()
                ),
                self.archives.find,
                partial(look_after_restore, config, store),
                self._journal.taken,
            ),
        )
        self._carrying = Carrying(store, self._backups, self._plans)
        self._house.also = self._carrying.follow
        self.archives.fetch = partial(self._carrying.fetch, folder=config.backups)
        bare = {name: env[name] for name in NEEDED if name in env}
        self._updates = Updates(config, store, AroundUpdates(self._works_on_store, unit_of(bare)))
        self._updates.arrivals.bring = self._carrying.bring
        self._carrying.succeeded = self._updates.backed_up
        contents = Contents(config, store, self._past, self._whole_status, self._checks.run)
        self._support = Desk(Bundles(config.state / "support"), contents.gather, contents.secrets().clean)

    def facts(self, unit: Unit) -> Mapping[str, object]:
        """As the service told them last."""
        return self._reports.facts(unit)

    @property
    def table(self) -> RoutingTable | None:
        """As published last."""
        return self._house.table

    async def run(
        self,
        ready: Callable[[tuple[UnitState, ...]], None],
        notify: Notify | None = None,
    ) -> None:
        """Until cancelled; then everything is stopped. `ready` is told the state of the services once each of
        them is ready or has failed."""
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._house.take_in_the_rest)
            control = ControlServer(self._config.control_socket, self._handlers())
            await undo.enter_async_context(control)
            self._trace.attach(control)
            self._maintenance.publish = control.publish
            self._maintenance.ended_one = self._journal.look
            self._backups.publish = control.publish
            self._restoring.publish = control.publish
            self._updates.publish = control.publish
            undo.callback(tell_own_log(SELF, control))
            undo.callback(self.services.watch(self._changed))
            undo.callback(self._follow())
            undo.push_async_callback(self.services.close, within=STOP_WITHIN)
            for one in (
                self._planner,
                self._maintenance,
                self._journal,
                self._checks,
                self._support,
                self._compactor,
                self._backups,
                self._restoring,
                self._carrying,
                self._updates,
            ):
                undo.push_async_callback(one.close)
            await self._backups.tidy()
            await self._updates.resume()
            await self._house.look()  # the routing table is there before the router
            notify = notify or Notify()
            notify.ready(f"Callisto {self._about.version}")  # units that come after us start now
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._start_all(ready), name="start services")
                tasks.create_task(self._house.run(), name="housekeeping")
                tasks.create_task(self._watchdog.run(), name="watchdog")
                tasks.create_task(self._time.run(), name="time")
                tasks.create_task(self._trace.run(), name="traces")
                tasks.create_task(self._journal.run(), name="journal")
                tasks.create_task(notify.live(), name="signs of life")

    def _exchanging(self) -> str:
        """Who puts another store in the place of the present one, in words; empty for nobody."""
        return self._maintenance.busy() or self._restoring.busy() or self._updates.busy()

    def _works_on_store(self) -> str:
        """Who must not be cut short by an update, in words; empty for nobody."""
        others = (self._maintenance, self._restoring, self._compactor, self._backups)
        return next((said for each in others if (said := each.busy())), "")

    def store_was_put_back(self) -> None:
        """The store is one from before, since the start: a snapshot has to lead to it."""
        self._journal.taken("an update fell back")

    # Services

    async def _start_all(self, ready: Callable[[tuple[UnitState, ...]], None]) -> None:
        await asyncio.gather(*(self._start(unit) for unit in Unit))
        ready(tuple(self.services.state(unit) for unit in Unit))
        await self._restoring.resume()

    async def _start(self, unit: Unit) -> None:
        try:
            await self.services.start(unit)
        except UnitFailedError as exc:
            log.error("%s; the other services go on", exc)

    def _changed(self, state: UnitState) -> None:
        self._watchdog.changed(state)
        match state.state:
            case State.BACKING_OFF:
                log.error("%s: %s; it is started again", state.unit, state.last_exit)
            case State.FAILED:
                log.error("%s: %s; it is not started again until asked for", state.unit, state.last_exit)
            case State.READY | State.STOPPING | State.STOPPED | State.STARTING:
                pid = f", pid {state.pid}" if state.pid else ""
                log.info("%s is %s%s", state.unit, state.state.value, pid)

    def _said(self, service: str, text: str) -> None:
        self._output(service, text)
        self._trace.output(service, text)

    # Requests

    def _handlers(self) -> dict[str, Handler]:
        return {
            "status": lambda _, __: self._whole_status(),
            **self._reports.handlers(),
            **clock_handlers(self._time),
            **checks_handlers(self._checks),
            **compact_handlers(self._compactor),
            **backup_handlers(self._backups),
            **restore_handlers(self._restoring),
            **target_handlers(self._store, self._carrying),
            **support_handlers(self._support),
            **maintenance_handlers(self._maintenance),
            **trace_handlers(self._trace),
            **update_handlers(self._updates),
        }

    def _whole_status(self) -> dict[str, object]:
        units = [(self.services.state(unit), self._shown(unit)) for unit in Unit]
        machine = self._machine
        around = Around(
            machine.host(),
            machine.network(),
            machine.certificates(),
            machine.figures(state.pid for state, _ in units if state.pid),
            os.getpid(),
            self._began,
            alarms(self._past.alarms),
        )
        jobs = self._plans.states()
        return status(
            self._about,
            services=units,
            jobs=jobs,
            journal=self._journal.facts(),
            targets=self._carrying.facts(),
            updates=self._updates.facts(),
            store=self._store.state(),
            pending=self._house.pending,
            around=around,
            clock=self._time.known,
            now=time.monotonic(),
        )

    def _shown(self, unit: Unit) -> Mapping[str, object]:
        """The facts it told, and what is known of it from outside."""
        size = self._watchdog.memory_mb.get(unit)
        facts = self._reports.facts(unit)
        return facts if size is None else {**facts, "memory_mb": size}

    async def _keep_run(self, run: JobRun) -> None:
        await self._store.do(lambda store: store.jobs.record(run))


def _about(config: Config, version: str, because: str) -> About:
    ports = {
        "telnet": config.telnet_port,
        "telnets": config.telnets_port,
        "sip": config.sip_port,
        "web": config.web_port,
        "web_tls": config.web_tls_port,
    }
    started = datetime.now().astimezone()
    return About(version, config.edition, started, config.listen, ports, config.state, config.peers, because)

"""`callisto run`: the supervisor's process in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from appliance import logs, welcome
from appliance.config import Config
from appliance.config_settings import PREFIX, ConfigError
from appliance.first_password import FirstPassword
from appliance.first_start import furnish, furnish_machine
from appliance.logs import Outlet
from appliance.preflight import banner, check_certificates, check_ports
from appliance.roles.clock import host_clock
from appliance.services.notify import Notify
from appliance.services.ports import Unit, UnitState
from appliance.state import claimed
from appliance.store_keeper import StoreKeeper
from appliance.supervisor import Supervisor
from appliance.trace.hub import SELF
from appliance.trace.past import Past, Remembered
from appliance.updating.root_side import fell_back
from db import anew
from db.errors import RefusedError, StoreError, StoreUnavailableError
from db.location import sqlite_file
from db.office import FIRST_ADMINISTRATOR
from db.repair.job import Folder
from db.repair.work import recover
from db.restore import job as restored
from db.restore import work as restoring
from db.stepping_back import PutBack, put_back
from db.store import Store
from firmware.release import running

log = logging.getLogger(__name__)

JUST_BOOTED_S = 300
PATIENCE = 4.0
"""Seconds that the services of a supervisor that was killed have to end."""


def main(config: Config) -> int:
    """Until SIGINT or SIGTERM: then 0. Raises ConfigError before anything has been started."""
    check_certificates(config)
    banner(config)
    with claimed(config) as unclean:
        if config.services == "children":  # units go on without us, and have them
            check_ports(config, PATIENCE if unclean else 0.0)
        outlet = Outlet()
        past = Past()
        logs.set_up(SELF, Remembered(outlet, past, SELF))
        try:
            asyncio.run(_Foreground(config, outlet, past, _because(unclean=unclean)).run())
        finally:
            outlet.close()
    return 0


class _Foreground:
    """Start, signals, and what is said on the terminal."""

    def __init__(self, config: Config, outlet: Outlet, past: Past, because: str) -> None:
        self._config = config
        self._because = because
        self._outlet = outlet
        self._past = past
        self._version = running().version
        self._supervisor: Supervisor | None = None
        self._password: str | None = None
        self._stopping = False
        self._notify = Notify.taken(os.environ)

    async def run(self) -> None:
        work = asyncio.create_task(self._work(), name="supervisor")

        def stop(number: signal.Signals) -> None:
            if not self._stopping:
                log.info("%s: stopping", number.name)
                self._stopping = work.cancel()
                self._notify.stopping()
            elif number is signal.SIGINT:
                self._kill()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop, number)
        try:
            await work
        except asyncio.CancelledError:
            log.info("stopped")
        finally:
            self._tell_password()

    async def _work(self) -> None:
        config = self._config
        for warning in config.warnings:
            log.warning("%s", warning)
        store = StoreKeeper(
            config.store_url,
            config.store_url_shown,
            config.edition,
            make=not config.routing_file.exists(),
            journal=config.journal_dir,
        )
        await asyncio.to_thread(_after_a_kill, config)
        back = await asyncio.to_thread(_after_an_update, config)
        with contextlib.closing(store):
            await self._open(store)
            log.info(
                "Callisto %s starts; state in %s, store %s",
                self._version,
                config.state,
                config.store_url_shown,
            )
            supervisor = Supervisor(
                config,
                self._version,
                store,
                service_environment(),
                self._outlet.child_lines if config.services == "children" else _kept_by_systemd,
                clock=host_clock(config),
                past=self._past,
                started_because=self._because,
            )
            self._supervisor = supervisor
            if back is not None:
                supervisor.store_was_put_back()
            await supervisor.run(self._welcome, self._notify)

    async def _open(self, store: StoreKeeper) -> None:
        """A store that cannot be had just now holds up nothing once there is a routing table: calls go on."""
        config = self._config
        try:
            await store.open()
            self._password = await store.do(partial(_furnish, config))
        except StoreError as exc:
            if isinstance(exc, (StoreUnavailableError, RefusedError)) and config.routing_file.exists():
                log.error("%s; calls are routed as they were last (%s)", exc, exc.hint)
                return
            raise ConfigError(f"store_url: {exc}; {exc.hint}") from exc

    def _welcome(self, states: tuple[UnitState, ...]) -> None:
        supervisor = self._supervisor
        assert supervisor is not None
        told = welcome.lines(
            self._config,
            self._version,
            states=states,
            media_facts=supervisor.facts(Unit.MEDIA),
            shell_facts=supervisor.facts(Unit.SHELL),
            web_facts=supervisor.facts(Unit.WEB),
            table=supervisor.table,
            user=FIRST_ADMINISTRATOR,
            password=self._password,
        )
        self._password = None
        for line in told:
            self._outlet.say(line)

    def _tell_password(self) -> None:
        """A password that was made is told even when the start was cut short."""
        if self._password:
            self._outlet.say(
                f"{FIRST_ADMINISTRATOR} has the password {self._password} (shown only this once)"
            )

    def _kill(self) -> None:
        log.error("asked a second time: everything is killed")
        if self._supervisor:
            self._supervisor.services.kill()
        self._outlet.close()
        os._exit(1)


def _furnish(config: Config, store: Store) -> str | None:
    """A password that has to be told here."""
    if config.services == "children":
        return furnish(store, config.admin_password)
    furnish_machine(store, FirstPassword(config.first_password), config.admin_password)
    return None


def _kept_by_systemd(_service: str, _lines: str) -> None:
    """What units write is in the journal already."""


def _because(*, unclean: bool) -> str:
    """Why there is a start, for those who look after the appliance; empty when nobody need be told."""
    reasons = []
    if time.clock_gettime(time.CLOCK_BOOTTIME) < JUST_BOOTED_S:
        reasons.append("with its machine")
    if unclean:
        reasons.append("after it had ended without being stopped")
    return ", ".join(reasons)


def _after_a_kill(config: Config) -> None:
    """Before anybody opens the store: a repair or a restore that was killed is finished or undone, and what
    compacting has left is removed."""
    try:
        if store := sqlite_file(config.store_url):
            anew.forget(store)
        repair = recover(Folder(config.repairs))
        restore = restoring.recover(restored.Folder(config.restores), config.store_url)
    except (StoreError, OSError) as exc:
        log.error("the repair or restore that was under way cannot be ended: %s", exc)
        return
    if repair is not None:
        log.warning("the repair begun by %s: %s", repair.who, repair.result)
    if restore is not None:
        log.warning("the restore begun by %s: %s", restore.who, restore.result or "its end is looked after")


def _after_an_update(config: Config, root: Path = Path("/")) -> PutBack | None:
    """Before anybody opens the store: an update that has migrated it and fell back has left one that this
    version cannot read. The one from before is put back then."""
    try:
        path = sqlite_file(config.store_url)
        if path is None or not fell_back(config.updates, root):
            return None
        done = put_back(path)
    except (StoreError, OSError) as exc:
        log.error("the store from before the update cannot be put back: %s", exc)
        return None
    if done is not None:
        log.warning("an update fell back: %s", done.words())
    return done


def service_environment() -> Mapping[str, str]:
    """For the services: ours without our settings; in a checkout with the way to it, since `-P` keeps the
    present directory out."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    root = Path(__file__).resolve().parents[2]
    if running().from_checkout:
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), env.get("PYTHONPATH"))))
    return env

"""The shell's process: the Telnet server on the store."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

from appliance import logs
from appliance.clock import local_zone
from appliance.config import Config
from appliance.control.client import ControlClient
from appliance.control.system import ControlSystem
from appliance.roles.announce import announce
from appliance.roles.ending import end_within
from appliance.services.ports import Unit
from db.errors import StoreError
from db.store import Store
from db.variables.values import Context as Rules
from firmware.release import running
from shell.ports import Services
from shell.store_ports import StoreAudit, StoreJobs, StoreLogin, StoreVariables
from shell.telnet.server import start

log = logging.getLogger(__name__)

STOP_WITHIN = 3


def main(config: Config) -> int:
    logs.set_up("shell")
    try:
        return asyncio.run(_serve(config))
    except (StoreError, OSError) as exc:
        log.error("the shell cannot start: %s", exc)
        return 1


async def _serve(config: Config) -> int:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    store = await asyncio.to_thread(Store.open, config.store_url, config.edition)
    login = StoreLogin(store)
    async with ControlClient(config.control_socket) as control:
        server = await start(config.listen, config.telnet_port, _services(config, store, login, control))
        telling = asyncio.create_task(announce(control, Unit.SHELL, server.facts), name="announce")
        log.info("ready on %s:%d", config.listen, server.port)
        await stop.wait()
        end_within(STOP_WITHIN)
        telling.cancel()
        await server.close()
    await asyncio.to_thread(login.close)
    store.close()
    return 0


def _services(config: Config, store: Store, login: StoreLogin, control: ControlClient) -> Services:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return Services(
        variables=StoreVariables(store),
        login=login,
        system=ControlSystem(control),
        jobs=StoreJobs(store),
        audit=StoreAudit(store),
        rules=Rules(edition=config.edition, ram_mb=memory),
        version=running().version,
        zone=local_zone(),
    )

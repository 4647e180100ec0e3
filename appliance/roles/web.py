"""The web service's process: the pages on the store."""

from __future__ import annotations

import asyncio
import logging
import signal

from appliance import logs
from appliance.clock import local_zone
from appliance.config import Config
from appliance.control.client import ControlClient
from appliance.control.system import ControlSystem
from appliance.roles.announce import announce
from appliance.roles.ending import end_within
from appliance.services.ports import Unit
from appliance.web.app import create_app
from appliance.web.ports import WebServices
from appliance.web.server import start
from db.errors import StoreError
from db.store import Store
from firmware.release import running
from shell.store_ports import StoreAudit, StoreLogin, StoreVariables
from shell.throttle import Throttle

log = logging.getLogger(__name__)

STOP_WITHIN = 3


def main(config: Config) -> int:
    logs.set_up("web")
    try:
        return asyncio.run(_serve(config))
    except (StoreError, OSError) as exc:
        log.error("the web service cannot start: %s", exc)
        return 1


async def _serve(config: Config) -> int:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    store = await asyncio.to_thread(Store.open, config.store_url, config.edition)
    login = StoreLogin(store)
    async with ControlClient(config.control_socket) as control:
        app = create_app(_services(store, login, control))
        server = await start(app, config.listen, config.web_port)
        telling = asyncio.create_task(announce(control, Unit.WEB, dict), name="announce")
        log.info("ready on %s:%d", config.listen, server.port)
        await stop.wait()
        end_within(STOP_WITHIN)
        telling.cancel()
        await server.close()
    await asyncio.to_thread(login.close)
    store.close()
    return 0


def _services(store: Store, login: StoreLogin, control: ControlClient) -> WebServices:
    return WebServices(
        accounts=login,
        variables=StoreVariables(store),
        system=ControlSystem(control),
        audit=StoreAudit(store),
        throttle=Throttle(),
        version=running().version,
        zone=local_zone(),
    )

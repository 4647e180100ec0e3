"""The web service's process: the pages on the store."""

from __future__ import annotations

import asyncio

from appliance.clock import local_zone
from appliance.config import Config
from appliance.control.backup import ControlBackup
from appliance.control.restore import ControlRestore
from appliance.control.system import ControlSystem
from appliance.control.update import ControlUpdates
from appliance.first_password import FirstPassword
from appliance.roles.service import Backing, Running, run
from appliance.services.ports import Unit
from appliance.telnet_certificate import TelnetCertificate
from appliance.web.app import create_app
from appliance.web.inbox import Inbox
from appliance.web.ports import WebServices
from appliance.web.server import encrypted, start
from appliance.web.shelf import Shelf
from firmware.release import running as release
from shell.store_ports import StoreAudit, StoreVariables
from shell.throttle import Throttle


def main(config: Config) -> int:
    return run(Unit.WEB, config, _start)


async def _start(backing: Backing) -> Running:
    config = backing.config
    certificate = TelnetCertificate.of_web(config) if config.web_tls_port else None
    if certificate is not None:
        await asyncio.to_thread(certificate.look)
    tls = encrypted(config.web_tls_port, certificate.context) if certificate else None
    app = create_app(_services(backing), config.web_tls_port)
    server = await start(app, config.listen, config.web_port, tls=tls)
    watching = asyncio.create_task(certificate.watch(), name="watch certificate") if certificate else None

    async def close() -> None:
        if watching is not None:
            watching.cancel()
        await server.close()

    return Running(server.port, certificate.facts if certificate else dict, close, server.wait_closed)


def _services(backing: Backing) -> WebServices:
    return WebServices(
        accounts=backing.login,
        must_change=FirstPassword(backing.config.first_password).is_it,
        variables=StoreVariables(backing.store),
        system=ControlSystem(backing.control),
        audit=StoreAudit(backing.store),
        throttle=Throttle(),
        shelf=Shelf(backing.config.state),
        inbox=Inbox(backing.config.state),
        backup=ControlBackup(backing.control),
        restore=ControlRestore(backing.control),
        updates=ControlUpdates(backing.control),
        updates_folder=backing.config.updates,
        version=release().version,
        local_zone=local_zone,
    )

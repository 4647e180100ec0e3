"""The web service's process: the pages on the store."""

from __future__ import annotations

from appliance.clock import local_zone
from appliance.config import Config
from appliance.control.backup import ControlBackup
from appliance.control.restore import ControlRestore
from appliance.control.system import ControlSystem
from appliance.first_password import FirstPassword
from appliance.roles.service import Backing, Running, run
from appliance.services.ports import Unit
from appliance.web.app import create_app
from appliance.web.inbox import Inbox
from appliance.web.ports import WebServices
from appliance.web.server import start
from appliance.web.shelf import Shelf
from firmware.release import running as release
from shell.store_ports import StoreAudit, StoreVariables
from shell.throttle import Throttle


def main(config: Config) -> int:
    return run(Unit.WEB, config, _start)


async def _start(backing: Backing) -> Running:
    server = await start(create_app(_services(backing)), backing.config.listen, backing.config.web_port)
    return Running(server.port, dict, server.close, server.wait_closed)


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
        version=release().version,
        local_zone=local_zone,
    )

"""The shell's process: the Telnet server on the store."""

from __future__ import annotations

from appliance.clock import local_zone
from appliance.config import Config
from appliance.control.checks import ControlSelfTest
from appliance.control.clock import ControlDateTime
from appliance.control.system import ControlSystem
from appliance.control.trace import ControlTrace
from appliance.rehearsal import TableRehearsal
from appliance.roles.service import Backing, Running, run
from appliance.services.ports import Unit
from appliance.sysinfo import memory_mb
from db.variables.values import Context as Rules
from firmware.release import running as release
from shell.office_ports import OfficeView
from shell.ports import Services
from shell.store_ports import (
    StoreAudit,
    StoreCalls,
    StoreJobs,
    StoreOffices,
    StoreStandings,
    StoreVariables,
)
from shell.telnet.server import start


def main(config: Config) -> int:
    return run(Unit.SHELL, config, _start)


async def _start(backing: Backing) -> Running:
    trace = ControlTrace(backing.control, backing.config.control_socket)
    server = await start(backing.config.listen, backing.config.telnet_port, _services(backing, trace))

    async def close() -> None:
        await server.close()
        await trace.close()

    return Running(server.port, server.facts, close)


def _services(backing: Backing, trace: ControlTrace) -> Services:
    return Services(
        variables=StoreVariables(backing.store),
        login=backing.login,
        system=ControlSystem(backing.control),
        jobs=StoreJobs(backing.store),
        audit=StoreAudit(backing.store),
        clock=ControlDateTime(backing.control),
        trace=trace,
        standings=StoreStandings(backing.store),
        self_test=ControlSelfTest(backing.control),
        office=OfficeView(
            StoreCalls(backing.store),
            StoreOffices(backing.store),
            TableRehearsal(backing.config.routing_file, local_zone),
        ),
        rules=Rules(edition=backing.config.edition, ram_mb=memory_mb()),
        version=release().version,
        local_zone=local_zone,
    )

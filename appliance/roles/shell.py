"""The shell's process: the Telnet server on the store."""

from __future__ import annotations

import asyncio
import logging

from appliance.clock import local_zone
from appliance.config import Config
from appliance.config_settings import LOOPBACK, ConfigError
from appliance.control.backup import ControlBackup
from appliance.control.checks import ControlSelfTest
from appliance.control.clock import ControlDateTime
from appliance.control.compact import ControlCompact
from appliance.control.maintenance import ControlRepair
from appliance.control.restore import ControlRestore
from appliance.control.support import ControlSupport
from appliance.control.system import ControlSystem
from appliance.control.targets import ControlTargets
from appliance.control.trace_client import ControlTrace
from appliance.control.update import ControlUpdates
from appliance.first_login import ShellFirstPassword
from appliance.first_password import FirstPassword
from appliance.preflight import banner
from appliance.rehearsal import TableRehearsal
from appliance.roles.service import Backing, Running, run
from appliance.services.ports import Unit
from appliance.sysinfo import memory_mb
from appliance.telnet_certificate import TelnetCertificate
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
from shell.telnet.limits import Limits
from shell.telnet.networks import Networks
from shell.telnet.server import start
from shell.telnet.tls import Tls

log = logging.getLogger(__name__)


def main(config: Config) -> int:
    return run(Unit.SHELL, config, _start)


async def _start(backing: Backing) -> Running:
    config = backing.config
    trace = ControlTrace(backing.control, config.control_socket)
    certificate = TelnetCertificate.of(config) if config.telnets_port else None
    if certificate is not None:
        await asyncio.to_thread(certificate.look)
    server = await start(
        config.listen,
        config.telnet_port or None,
        _services(backing, trace),
        Limits(idle_s=60.0 * config.telnet_idle_minutes),
        tls=Tls(config.telnets_port, certificate.context, certificate.facts) if certificate else None,
        # This machine itself always may: its console, its self test.
        networks=Networks.of((*config.telnet_networks, *LOOPBACK, config.listen)),
        banner=_banner(config),
    )
    watching = asyncio.create_task(certificate.watch(), name="watch certificate") if certificate else None

    async def close() -> None:
        if watching is not None:
            watching.cancel()
        await server.close()
        await trace.close()

    return Running(server.port or server.tls_port, server.facts, close)


def _banner(config: Config) -> str:
    try:
        return banner(config)
    except ConfigError as exc:
        log.error("%s; there is no banner", exc)
        return ""


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
        support=ControlSupport(backing.control),
        compact=ControlCompact(backing.control),
        office=OfficeView(
            StoreCalls(backing.store),
            StoreOffices(backing.store),
            TableRehearsal(backing.config.routing_file, local_zone),
        ),
        repair=ControlRepair(backing.control),
        backup=ControlBackup(backing.control),
        restore=ControlRestore(backing.control),
        targets=ControlTargets(backing.control),
        updates=ControlUpdates(backing.control),
        first=ShellFirstPassword(backing.store, FirstPassword(backing.config.first_password)),
        rules=Rules(edition=backing.config.edition, ram_mb=memory_mb()),
        version=release().version,
        local_zone=local_zone,
    )

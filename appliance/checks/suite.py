"""All checks of the self test: which facts each of them gathers, from the supervisor and by probes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from appliance import network
from appliance.certificates import CertificateError, first_to_end
from appliance.checks import probes
from appliance.checks.probes import NoAnswerError
from appliance.checks.runner import Check
from appliance.checks.verdicts import on_calls, on_machine, on_network, on_services, on_store, on_time
from appliance.checks.verdicts.finding import Finding, skipped
from appliance.checks.verdicts.on_time import Certificate
from appliance.config import Config
from db.errors import StoreError
from db.soundness import NotInTimeError, Soundness
from shell.clock_ports import ServerCheck
from shell.reading import instant, number, service, table, tables, text

STORE_WITHIN = 10.0
"""A large store is not a damaged one."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What the supervisor lends. `status`: as everybody is shown it. `ask_time`: one question to a time
    server. `look_through`: the store, within so many seconds; raises what the store raises."""

    config: Config
    status: Callable[[], Mapping[str, Any]]
    ask_time: Callable[[str], Awaitable[ServerCheck]]
    look_through: Callable[[float], Awaitable[Soundness]]


def suite(sources: Sources) -> tuple[Check, ...]:
    """In the order in which people read them; they run at once."""
    ours = _Checks(sources)
    late = skipped(f"not looked through within {STORE_WITHIN:g} s: a large store, or a slow disk")
    return (
        Check("memory", ours.memory),
        Check("processors", ours.processors),
        Check("disk space", ours.disk),
        Check("files on the disk", ours.inodes),
        Check("state folder", ours.state_folder),
        Check("network link", ours.link),
        Check("address", ours.address),
        Check("default route", ours.gateway),
        Check("name servers", ours.name_servers),
        Check("services", ours.services),
        Check("login page", ours.login_page),
        Check("Telnet", ours.telnet),
        Check("Telnet over TLS", ours.telnets),
        Check("SIP", ours.sip),
        Check("PBX configured", ours.pbx_configured),
        Check("PBX reachable", ours.pbx_reachable),
        Check("routing table", ours.routing_table),
        Check("store", ours.store, STORE_WITHIN + 2, late),
        Check("foreign keys", ours.foreign_keys, STORE_WITHIN + 2, late),
        Check("journal", ours.journal),
        Check("backups", ours.backups),
        Check("call records", ours.call_records),
        Check("time", ours.time),
        Check("certificates", ours.certificates),
    )


class _Checks:
    def __init__(self, sources: Sources) -> None:
        self._from = sources
        self._config = sources.config

    # The machine

    async def memory(self) -> Finding:
        host = table(self._from.status(), "host")
        return on_machine.memory(*(int(number(host, key) or 0) for key in ("memory_mb", "memory_free_mb")))

    async def processors(self) -> Finding:
        host = table(self._from.status(), "host")
        load = host.get("load")
        return on_machine.processors(int(number(host, "cpus") or 0), load if isinstance(load, list) else ())

    async def disk(self) -> Finding:
        host = table(self._from.status(), "host")
        return on_machine.disk(*(int(number(host, key) or 0) for key in ("disk_mb", "disk_free_mb")))

    async def inodes(self) -> Finding:
        return on_machine.inodes(*await asyncio.to_thread(probes.inodes, self._config.state))

    async def state_folder(self) -> Finding:
        return on_machine.writable(await asyncio.to_thread(probes.write_and_read_back, self._config.state))

    # The network

    async def link(self) -> Finding:
        return on_network.link(network.links(), self._config.listen)

    async def address(self) -> Finding:
        return on_network.address(network.links(), self._config.listen)

    async def gateway(self) -> Finding:
        return on_network.gateway(network.gateway(), self._config.listen)

    async def name_servers(self) -> Finding:
        hosts = [*(peer.host for peer in self._config.peers), self._time_server()]
        return on_network.name_servers(network.name_servers(), [host for host in hosts if _is_name(host)])

    # Our own doors

    async def login_page(self) -> Finding:
        try:
            page = await probes.login_page(self._config.listen, self._config.web_port)
        except NoAnswerError as exc:
            return on_services.login_page(str(exc))
        return on_services.login_page(page)

    async def telnet(self) -> Finding:
        return await self._telnet(self._config.telnet_port, "telnet_port")

    async def telnets(self) -> Finding:
        return await self._telnet(self._config.telnets_port, "telnets_port", tls=True)

    async def _telnet(self, port: int, setting: str, *, tls: bool = False) -> Finding:
        if not port:
            return skipped(f"{setting} is 0: it is switched off")
        try:
            said = await probes.telnet_greeting(self._config.listen, port, tls=tls)
        except NoAnswerError as exc:
            return on_services.telnet("", str(exc))
        return on_services.telnet(said)

    async def sip(self) -> Finding:
        try:
            answer = await probes.sip_options(self._config.listen, self._config.sip_port)
        except NoAnswerError as exc:
            return on_services.sip("", str(exc))
        return on_services.sip(answer)

    async def services(self) -> Finding:
        listed = tables(self._from.status(), "services")
        return on_services.services([(text(each, "name"), text(each, "state")) for each in listed])

    # The PBX

    async def pbx_configured(self) -> Finding:
        return on_calls.pbx_configured([peer.name for peer in self._config.peers])

    async def pbx_reachable(self) -> Finding:
        status = self._from.status()
        router = text(service(status, "router"), "state") == "ready"
        return on_calls.pbx_reachable(tables(status, "peers"), router=router)

    async def routing_table(self) -> Finding:
        status, file = self._from.status(), self._config.routing_file
        written = datetime.fromtimestamp(file.stat().st_mtime).astimezone() if file.exists() else None
        used = instant(table(service(status, "router"), "facts"), "table_of")
        return on_calls.routing_table(written, used, text(table(status, "store"), "error"))

    # The store, and what goes into it

    async def store(self) -> Finding:
        found = await self._look_through()
        if isinstance(found, Finding):
            return found
        return on_store.store(found.damage, found.bytes / (1 << 20), found.took_s)

    async def foreign_keys(self) -> Finding:
        found = await self._look_through()
        if isinstance(found, Finding):
            return skipped("the store cannot be looked through")
        if found.damage:
            return skipped("the store is damaged")
        return on_store.foreign_keys(found.foreign_keys)

    async def _look_through(self) -> Soundness | Finding:
        """A store that is away is found out here; one that takes long is skipped."""
        try:
            return await self._from.look_through(STORE_WITHIN)
        except NotInTimeError as exc:
            return skipped(f"{exc}: a large store, or a slow disk")
        except StoreError as exc:
            return Finding("fail", exc.message, exc.hint)

    async def journal(self) -> Finding:
        found = table(self._from.status(), "journal")
        if not found:
            return skipped("the store has no journal of ours: PostgreSQL has one of its own")
        free = await asyncio.to_thread(probes.free_mb, self._config.journal_dir)
        size = number(found, "snapshot_mb") or 0
        return on_store.journal(
            text(found, "problem"),
            text(found, "remedy"),
            instant(found, "looked_at") if found.get("compared") is True else None,
            free,
            size,
        )

    async def backups(self) -> Finding:
        found = tables(self._from.status(), "backup_targets")
        if not found:
            return skipped("no target for backups is set up")
        late = [each for each in found if each.get("late") is True]
        failed = [each for each in found if text(each, "result").startswith("failed")]
        return on_store.backups(
            [text(each, "name") for each in found],
            [(text(each, "name"), int(number(each, "days_without") or 0)) for each in late],
            [(text(each, "name"), text(each, "result")) for each in failed],
        )

    async def call_records(self) -> Finding:
        status = self._from.status()
        failed = number(table(service(status, "router"), "facts"), "records_failed") or 0
        pending = number(table(status, "spool"), "pending") or 0
        return on_store.call_records(int(pending), int(failed), text(table(status, "store"), "error"))

    # Time and certificates

    async def time(self) -> Finding:
        server = self._time_server()
        if not server:
            return on_time.time_in_step("", "", None)
        answer = await self._from.ask_time(server)
        return on_time.time_in_step(server, answer.problem, answer.offset_s)

    async def certificates(self) -> Finding:
        known = await asyncio.to_thread(configured_certificates, self._config)
        return on_time.certificates(known, datetime.now(UTC))

    def _time_server(self) -> str:
        return text(table(self._from.status(), "clock"), "server")


def configured_certificates(config: Config) -> tuple[Certificate, ...]:
    """Of each file the certificate that ends first."""
    found = []
    for what, path in _certificate_files(config):
        try:
            first = first_to_end(path.read_bytes())
            found.append(Certificate(what, first.subject, first.ends))
        except OSError as exc:
            found.append(Certificate(what, problem=f"{path} cannot be read: {exc.strerror or exc}"))
        except CertificateError as exc:
            found.append(Certificate(what, problem=f"{path}: {exc}"))
    return tuple(found)


def _certificate_files(config: Config) -> Iterator[tuple[str, Path]]:
    """Those that are named in the settings; those of Telnet over TLS and of HTTPS are made where none is."""
    for what, path in (("tls_certificate", config.tls_certificate), ("tls_ca", config.tls_ca)):
        if path is not None:
            yield what, path
    telnet, _ = config.telnet_certificate
    if config.telnets_port and (config.telnet_tls_certificate or telnet.exists()):
        yield "telnet_tls_certificate", telnet
    web, _ = config.web_certificate
    if config.web_tls_port and (config.web_tls_certificate or web.exists()):
        yield "web_tls_certificate", web


def _is_name(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return bool(host)
    return False

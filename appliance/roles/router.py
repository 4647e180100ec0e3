"""The router's process: SIP and calls in one thread, and nothing else in the interpreter.

No database, no asyncio: it reads the routing table from a file and leaves call records in another.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from appliance import logs
from appliance.config import Config
from appliance.control.reporter import Reporter
from appliance.loop_log import LoopLog
from appliance.roles.ending import end_within
from appliance.roles.timers import TimerHeap
from appliance.routing_file import RoutingFile
from appliance.services.notify import Notify
from appliance.tls_watch import TlsWatch
from appliance.trace.sip_tap import SipTap, Topics
from router.engine import Engine
from router.model import RoutingTable
from router.pjsua.quiet import Housekeeping
from router.sip.net import NetworkError
from router.sip.peering import Peering
from router.sip.signalling import SipSignalling
from router.sip.tls import TlsFiles
from router.spool import Spool
from router.table import TableError

log = logging.getLogger(__name__)

TABLE_WITHIN = 5.0
LOOK_EVERY = 0.25
SLICE = 0.002
"""Seconds that the reading of a new table may hold up calls at a time."""
FACTS_EVERY = 1.0
TURN = 0.05
CHORES_EVERY = 0.05
STOP_WITHIN = 4


def main(config: Config) -> int:
    log_lines = LoopLog.installed("router")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # one for each TCP and TLS connection
    logs.never_wait()
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _: asked.append(signum))
    try:
        return _serve(config, log_lines, lambda: bool(asked))
    except (NetworkError, OSError) as exc:
        log.error("the router cannot start: %s", exc)
        return 1


def _serve(config: Config, log_lines: LoopLog, stopping: Callable[[], bool]) -> int:
    reporter = Reporter(config.control_socket, "router")
    file = RoutingFile(config.routing_file)
    table = _first_table(file, stopping)
    timers = TimerHeap()
    spool = Spool(config.spool)
    topics = Topics(reporter)
    tls = _tls(config)
    signalling = SipSignalling(
        config.listen,
        config.sip_port,
        timers,
        media=("127.0.0.1", config.media_port),
        peer_changed=partial(reporter.publish, "peer"),
        tls=tls,
        tls_port=config.sips_port,
    )
    peering = signalling.peering
    try:
        engine = Engine(
            signalling,
            timers,
            spool,
            topics,
            table,
            candidates=peering.candidates,
            reachable=signalling.reachable,
        )
        peering.use(table.peers, table.networks)
        signalling.attach(engine)
        facts = _Facts(signalling, engine, table, file)
        notify = Notify.taken(os.environ)
        notify.ready(f"ready on {config.listen}:{config.sip_port}")
        reporter.ready(facts())
        log.info("ready on %s:%d, %d call legs", config.listen, config.sip_port, signalling.capacity)
        watch = _Watch(file, engine, peering, facts, TlsWatch(tls, signalling.renew))
        tap = SipTap(signalling, engine, topics, reporter)
        _Loop(signalling, tap, timers, reporter, watch, facts, log_lines, notify).turn_until(stopping)
        notify.stopping()
        end_within(STOP_WITHIN)
        log.info("stopping, %d calls are ended", engine.calls_now)
        engine.close()
        tap.close()
    finally:
        signalling.close()
        spool.close()
        reporter.turn(time.monotonic())
        reporter.close()
    return 0


def _tls(config: Config) -> TlsFiles | None:
    if config.tls_certificate is None or config.tls_key is None:
        return None
    return TlsFiles(config.tls_certificate, config.tls_key, config.tls_ca)


def _first_table(file: RoutingFile, stopping: Callable[[], bool]) -> RoutingTable:
    """The table the supervisor has left; it writes one before it starts us, so there is hardly a wait."""
    end = time.monotonic() + TABLE_WITHIN
    while True:
        try:
            return file.look() or RoutingTable()
        except FileNotFoundError:
            if time.monotonic() < end and not stopping():
                time.sleep(0.05)
                continue
            log.error("there is no routing table yet: every call is refused until there is one")
        except (OSError, TableError) as exc:
            log.error("no routing table: %s; every call is refused until there is a good one", exc)
        return RoutingTable()


class _Facts:
    """What the status shows of the router."""

    def __init__(
        self, signalling: SipSignalling, engine: Engine, table: RoutingTable, file: RoutingFile
    ) -> None:
        self._signalling = signalling
        self._engine = engine
        self._file = file
        self.table = table

    def __call__(self) -> dict[str, object]:
        engine, of = self._engine, self._file.written
        return {
            **self._signalling.facts(),
            "calls_now": engine.calls_now,
            "calls_total": engine.calls_total,
            "peak": engine.peak,
            "refused_busy": engine.refused_busy,
            "fail_safe": engine.fail_safe,
            "records_failed": engine.records_failed,
            "refusals_unrecorded": engine.refusals_unrecorded,
            "revision": self.table.revision,
            "groups": len(self.table.groups),
            "table_of": of.isoformat(timespec="seconds") if of else None,
        }


class _Watch:
    """Swaps the table when its file is another one; a file that cannot be read leaves the last good table.
    Looks at the certificate too."""

    def __init__(
        self, file: RoutingFile, engine: Engine, peering: Peering, facts: _Facts, certificate: TlsWatch
    ) -> None:
        self._certificate = certificate
        self._file = file
        self._engine = engine
        self._peering = peering
        self._facts = facts
        self._next = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether a table is being read, a little each turn."""
        return self._file.is_reading

    def turn(self, now: float) -> None:
        if now < self._next and not self.is_busy:
            return
        self._next = now + LOOK_EVERY
        self._certificate.turn(now)
        try:
            table = self._file.turn(SLICE)
        except FileNotFoundError:
            return
        except (OSError, TableError) as exc:
            log.error("the routing table stays as it is: %s", exc)
            return
        if table is not None:
            self._engine.use(table)
            self._peering.use(table.peers, table.networks)
            self._facts.table = table
            log.info("routing table of revision %d: %d groups", table.revision, len(table.groups))


@dataclass(slots=True)
class _Loop:
    """Everything the one thread does, turn by turn."""

    signalling: SipSignalling
    tap: SipTap
    timers: TimerHeap
    reporter: Reporter
    watch: _Watch
    facts: _Facts
    log_lines: LoopLog
    notify: Notify

    def turn_until(self, stopping: Callable[[], bool]) -> None:
        """Calls first: the chores have their turn when nothing comes, or every CHORES_EVERY seconds."""
        chores_at = next_facts = 0.0
        housekeeping = Housekeeping()
        while not stopping():
            wait = max(0.0, min(TURN, chores_at - time.monotonic())) if chores_at else TURN
            messages = self.tap.pump(0.0 if self.watch.is_busy else self.timers.wait(wait))
            self.timers.turn()
            now = time.monotonic()
            if messages and now < chores_at:
                continue
            chores_at = now + CHORES_EVERY if messages else 0.0
            self.watch.turn(now)
            if now >= next_facts:
                next_facts = now + FACTS_EVERY
                self.reporter.facts(self.facts())
                self.notify.turn(now)
            self.tap.turn(now)
            self.reporter.turn(now)
            self.log_lines.turn(now)
            housekeeping.turn(now, quiet=not messages and not self.signalling.legs_in_use)

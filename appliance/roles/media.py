"""The media server's process: PJSUA2 and nothing else, spoken to by the router over SIP on loopback."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable

from appliance import logs
from appliance.config import Config
from appliance.control.reporter import Reporter
from appliance.roles.ending import end_within
from appliance.services.notify import Notify
from appliance.services.ports import Unit
from router.pjsua.media import EngineError, MediaServer

log = logging.getLogger(__name__)

FACTS_EVERY = 1.0
TURN = 0.1
"""Seconds that what RTP's thread has to report may wait for the loop."""
TURN_ALONE = 0.5
"""Without a leg there is nothing of that kind."""
STOP_WITHIN = 3


def main(config: Config) -> int:
    logs.set_up(Unit.MEDIA)
    logs.never_wait()
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _: asked.append(signum))
    try:
        return _serve(config, lambda: bool(asked))
    except (EngineError, OSError) as exc:
        log.error("the media server cannot start: %s", exc)
        return 1


def _serve(config: Config, stopping: Callable[[], bool]) -> int:
    reporter = Reporter(config.control_socket, Unit.MEDIA)
    server = MediaServer(
        config.listen, config.media_port, config.rtp_ports, copies=config.announcement_copies
    )
    notify = Notify.taken(os.environ)
    try:
        notify.ready(f"ready, {server.capacity} call legs")
        reporter.ready(server.facts())
        log.info("ready on 127.0.0.1:%d, %d call legs", config.media_port, server.capacity)
        next_facts = 0.0
        while not stopping():
            server.pump(TURN if server.legs_in_use else TURN_ALONE)
            now = time.monotonic()
            if now >= next_facts:
                next_facts = now + FACTS_EVERY
                reporter.facts(server.facts())
            reporter.turn(now)
            notify.turn(now)
        notify.stopping()
        end_within(STOP_WITHIN)
        log.info("stopping, %s call legs are ended", server.legs_in_use)
    finally:
        server.close()
        reporter.turn(time.monotonic())
        reporter.close()
        notify.close()
    return 0

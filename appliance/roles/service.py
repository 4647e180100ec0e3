"""What the asyncio services have in common: the store, the control socket, readiness, and an end in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from appliance import logs
from appliance.config import Config
from appliance.control.client import ControlClient
from appliance.roles.announce import announce
from appliance.roles.ending import end_within
from appliance.roles.supervisor_first import supervisor_answers
from appliance.services.notify import Notify
from appliance.services.ports import Unit
from appliance.trace.log_source import LogPublisher
from db.errors import StoreError
from db.known_admins import verify
from db.store import Store
from shell.store_ports import StoreLogin

log = logging.getLogger(__name__)

STOP_WITHIN = 3


@dataclass(frozen=True, slots=True)
class Backing:
    """What a service stands on."""

    config: Config
    store: Store
    login: StoreLogin
    control: ControlClient


@dataclass(frozen=True, slots=True)
class Running:
    """A service that listens: what the status shows of it, and how it is ended. `ended`, where a service can
    tell: returns, or raises, when it serves no more though nobody asked it to end."""

    port: int
    facts: Callable[[], Mapping[str, object]]
    close: Callable[[], Awaitable[None]]
    ended: Callable[[], Awaitable[None]] | None = None


def run(unit: Unit, config: Config, start: Callable[[Backing], Awaitable[Running]]) -> int:
    """Serve until SIGTERM; the exit code. One line says why a service cannot start, or serves no more."""
    logs.set_up(unit)
    try:
        asked = asyncio.run(_serve(unit, config, start))
    except (StoreError, OSError) as exc:
        log.error("%s cannot start: %s", unit, exc)
        return 1
    return 0 if asked else 1


async def _serve(unit: Unit, config: Config, start: Callable[[Backing], Awaitable[Running]]) -> bool:
    """Whether it was asked to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if config.services == "systemd" and not await supervisor_answers(config.control_socket):
        log.warning("the supervisor does not answer: going on without it")
    # The shell is the way in for whoever repairs a store that cannot be opened.
    open_store = partial(Store.open, at_once=unit is not Unit.SHELL, journal=config.journal_dir)
    store = await asyncio.to_thread(open_store, config.store_url, config.edition)
    login = StoreLogin(store, otherwise=partial(verify, config.known_admins) if unit is Unit.SHELL else None)
    async with ControlClient(config.control_socket) as control:
        running = await start(Backing(config, store, login, control))
        notify = Notify.taken(os.environ)
        notify.ready(f"ready on {config.listen}:{running.port}")
        telling = [
            asyncio.create_task(notify.live(), name="signs of life"),
            asyncio.create_task(announce(control, unit, running.facts), name="announce"),
            asyncio.create_task(LogPublisher(unit, config.control_socket).run(), name="tell the log"),
        ]
        log.info("ready on %s:%d", config.listen, running.port)
        await _until_stopped(stop, running)
        notify.stopping()
        end_within(STOP_WITHIN)
        for task in telling:
            task.cancel()
        try:
            await running.close()
        except Exception as exc:
            log.error("%s has not ended in order: %r", unit, exc)
        if not stop.is_set():
            log.error("%s serves no more", unit)
    await asyncio.to_thread(login.close)
    store.close()
    return stop.is_set()


async def _until_stopped(stop: asyncio.Event, running: Running) -> None:
    """Or until it serves no more: then the supervisor must see an end, not a process without its service."""
    waiting: set[asyncio.Future[Any]] = {asyncio.ensure_future(stop.wait())}
    if running.ended:
        waiting.add(asyncio.ensure_future(running.ended()))
    done, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    for task in done:
        task.exception()  # said when it is closed

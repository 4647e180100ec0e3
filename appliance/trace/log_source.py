"""The log of an asyncio process as records of the trace: only while somebody watches, and then with what is
otherwise too much, our own loggers' DEBUG."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from appliance.control import protocol
from appliance.control.client import ControlUnavailableError, connect
from appliance.trace.batches import WITHIN, Batcher
from appliance.trace.log_records import LogRecords
from shell.trace.record import TOPIC, Record

log = logging.getLogger(__name__)


class Bus(Protocol):
    """The control socket's server."""

    def publish(self, topic: str, data: Mapping[str, object]) -> None: ...

    def tap(self, topic: str, take: Callable[[Mapping[str, object]], None]) -> Callable[[], None]: ...


OURS: Final = ("appliance", "shell", "db", "firmware", "router", "scheduler")
MOST_WAITING: Final = 5000
AGAIN_AFTER: Final = 0.5
BUFFERED: Final = 1 << 20


class LogSource:
    """Inside the running loop. `watch(True)`: from now on `publish` gets batches of what is logged."""

    def __init__(self, process: str, publish: Callable[[dict[str, object]], None]) -> None:
        self._process = process
        self._batcher = Batcher(process, publish)
        self._handler: LogRecords | None = None
        self._levels: dict[str, int] = {}
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Record] = deque()
        self._lost = 0
        self._lock = threading.Lock()  # guards _waiting, _lost and _timer_is_set: any thread may log
        self._timer_is_set = False

    def watch(self, watched: bool) -> None:
        if watched and self._handler is None:
            self._handler = LogRecords(self._process, self._put)
            root = logging.getLogger()
            root.addHandler(self._handler)
            for name in OURS:
                logger = logging.getLogger(name)
                self._levels[name] = logger.level
                logger.setLevel(logging.DEBUG)
        elif not watched and self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
            self._handler = None
            for name, level in self._levels.items():
                logging.getLogger(name).setLevel(level)
            self._waiting.clear()
            self._batcher.clear()

    def _put(self, record: Record) -> None:
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                self._lost += 1
                return
            self._waiting.append(record)
            if self._timer_is_set:
                return
            self._timer_is_set = True
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._loop.call_later, WITHIN, self._flush)

    def _flush(self) -> None:
        with self._lock:
            self._timer_is_set = False
            waiting, self._waiting = self._waiting, deque()
            lost, self._lost = self._lost, 0
        if self._handler is None:
            return
        for record in waiting:
            self._batcher.put(record)
        self._batcher.flush()
        self._batcher.lose(lost)


class LogPublisher:
    """A connection to the supervisor of its own: hears whether traces are watched, and sends ours then."""

    def __init__(self, process: str, path: Path) -> None:
        self._path = path
        self._writer: asyncio.StreamWriter | None = None
        self._source = LogSource(process, self._publish)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(ControlUnavailableError, OSError):
                await self._follow()
            self._source.watch(False)
            await asyncio.sleep(AGAIN_AFTER)

    async def _follow(self) -> None:
        """Until the connection is lost."""
        reader, writer = await connect(self._path)
        try:
            asked = {"id": 0, "request": "watch", "args": {"topics": [protocol.WATCHED]}}
            writer.write(protocol.encode(asked))
            self._writer = writer
            while line := await reader.readline():
                self._hear(protocol.decode(line))
        except (ValueError, protocol.RefusedError) as exc:
            log.warning("not of our supervisor: %s", exc)
        finally:
            self._writer = None
            self._source.watch(False)
            writer.close()

    def _hear(self, message: Mapping[str, object]) -> None:
        if message.get("event") == protocol.WATCHED:
            self._source.watch(watches_traces(message.get("data")))

    def _publish(self, data: dict[str, object]) -> None:
        writer = self._writer
        if writer is None or writer.transport.get_write_buffer_size() > BUFFERED:
            return  # the gap in the ordinals tells it
        try:
            writer.write(protocol.encode({"request": "publish", "args": {"topic": TOPIC, "data": data}}))
        except (protocol.RefusedError, ValueError, TypeError):
            return


def tell_own_log(process: str, bus: Bus) -> Callable[[], None]:
    """Of the process that has the control socket's server; returns what ends it."""
    source = LogSource(process, partial(bus.publish, TOPIC))
    end = bus.tap(protocol.WATCHED, lambda data: source.watch(watches_traces(data)))

    def end_both() -> None:
        end()
        source.watch(False)

    return end_both


def watches_traces(data: object) -> bool:
    """Of the data of the event WATCHED."""
    topics = data.get("topics") if isinstance(data, Mapping) else None
    return isinstance(topics, list) and TOPIC in topics

"""The log of a process as records: while somebody watches, and only then."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.control.client import ControlClient
from appliance.control.server import ControlServer
from appliance.trace import log_source
from appliance.trace.batches import LARGEST, LONGEST, MOST, Batcher
from appliance.trace.log_source import LogPublisher, LogSource, tell_own_log
from shell.trace.record import TOPIC, Record, Sip, from_wire
from tests.appliance.waiting import eventually

CALL = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


class Stream:
    """What was published."""

    def __init__(self) -> None:
        self.batches: list[dict[str, Any]] = []

    def __call__(self, data: Any) -> None:
        self.batches.append(dict(data))

    @property
    def records(self) -> list[Record]:
        return [from_wire(wire) for batch in self.batches for wire in batch["records"]]

    @property
    def texts(self) -> list[str]:
        return [record.text for record in self.records]


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
async def source(stream: Stream) -> AsyncIterator[LogSource]:
    source = LogSource("web", stream)
    source.watch(True)
    yield source
    source.watch(False)


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    levels = {name: logging.getLogger(name).level for name in log_source.OURS}
    handlers = list(logging.getLogger().handlers)
    yield
    assert levels == {name: logging.getLogger(name).level for name in log_source.OURS}
    assert [one for one in logging.getLogger().handlers if one not in handlers] == []


async def test_what_is_logged_becomes_records(source: LogSource, stream: Stream) -> None:
    logging.getLogger("appliance.web.door").warning("call %s: %s", CALL, "odd")
    logging.getLogger("scheduler.service").info("due")
    logging.getLogger("db.store").info("read")
    logging.getLogger("shell.trail").debug("anna: show status")
    logging.getLogger("appliance.plans").error("bad\nthing", extra={"trace_group": "store"})
    await eventually(lambda: len(stream.records) == 5)
    assert [(one.level, one.group) for one in stream.records] == [
        ("warning", "web"),
        ("info", "job"),
        ("info", "store"),
        ("debug", "shell"),
        ("error", "store"),
    ]
    first, last = stream.records[0], stream.records[-1]
    assert (first.process, first.call, first.text) == ("web", CALL, f"call {CALL}: odd")
    assert last.text == "bad | thing"


async def test_an_exception_is_told_in_one_line(source: LogSource, stream: Stream) -> None:
    try:
        int("no such\nthing")
    except ValueError:
        logging.getLogger("appliance.x").exception("it failed")
    await eventually(lambda: stream.records)
    assert stream.texts == [
        r"it failed | ValueError: invalid literal for int() with base 10: 'no such\nthing'"
    ]


async def test_no_secret_gets_out(source: LogSource, stream: Stream) -> None:
    logging.getLogger("appliance.x").info("password=verysecret")
    await eventually(lambda: stream.records)
    assert "verysecret" not in str(stream.texts)


async def test_a_line_with_a_bad_format_hurts_nobody(source: LogSource, stream: Stream) -> None:
    assert source._handler
    source._handler.emit(logging.LogRecord("appliance.x", logging.INFO, "", 0, "%d of", ("none",), None))
    await eventually(lambda: stream.records)
    assert "%d of" in stream.texts[0]


async def test_threads_may_log(source: LogSource, stream: Stream) -> None:
    threads = [
        threading.Thread(target=lambda: [logging.getLogger("db.x").info("x") for _ in range(100)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    await eventually(lambda: len(stream.records) == 400)
    for thread in threads:
        thread.join()


async def test_a_flood_is_bounded_and_its_loss_can_be_counted(
    source: LogSource, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_source, "MOST_WAITING", 50)
    for number in range(80):
        logging.getLogger("appliance.x").info("%d", number)
    await eventually(lambda: len(stream.records) == 50)
    logging.getLogger("appliance.x").info("after")
    await eventually(lambda: len(stream.records) == 51)
    assert stream.batches[-1]["first"] == 80


async def test_unwatched_there_is_no_handler_and_no_debug(stream: Stream) -> None:
    source = LogSource("web", stream)
    logger = logging.getLogger("appliance.x")
    assert not logger.isEnabledFor(logging.DEBUG)
    source.watch(True)
    assert logger.isEnabledFor(logging.DEBUG)
    source.watch(True)
    source.watch(False)
    source.watch(False)
    assert not logger.isEnabledFor(logging.DEBUG)
    logger.warning("nobody looks")
    await asyncio.sleep(0)
    assert stream.batches == []


async def test_a_process_publishes_only_while_traces_are_watched(tmp_path: Path, stream: Stream) -> None:
    path = tmp_path / "control.sock"
    logger = logging.getLogger("appliance.x")
    running = asyncio.create_task(LogPublisher("web", path).run())
    async with ControlServer(path, {}) as server:
        untap = server.tap(TOPIC, stream)
        await eventually(lambda: logger.isEnabledFor(logging.DEBUG))
        logger.debug("hello")
        await eventually(lambda: "hello" in stream.texts)
        untap()
        await eventually(lambda: not logger.isEnabledFor(logging.DEBUG))
        server.tap(TOPIC, stream)
        await eventually(lambda: logger.isEnabledFor(logging.DEBUG))
    await eventually(lambda: not logger.isEnabledFor(logging.DEBUG))
    async with ControlServer(path, {}) as again:
        again.tap(TOPIC, stream)
        await eventually(lambda: logger.isEnabledFor(logging.DEBUG))
    running.cancel()
    await asyncio.wait([running])
    assert not logger.isEnabledFor(logging.DEBUG)


async def test_the_process_with_the_server_tells_its_own(tmp_path: Path, stream: Stream) -> None:
    logger = logging.getLogger("appliance.x")
    async with ControlServer(tmp_path / "control.sock", {}) as server:
        end = tell_own_log("supervisor", server)
        assert not logger.isEnabledFor(logging.DEBUG)
        untap = server.tap(TOPIC, stream)
        logger.debug("hello")
        await eventually(lambda: "hello" in stream.texts)
        untap()
        assert not logger.isEnabledFor(logging.DEBUG)
        server.tap(TOPIC, stream)
        end()
        assert not logger.isEnabledFor(logging.DEBUG)


def test_a_batch_is_never_too_large_for_a_line_of_the_socket(stream: Stream) -> None:
    batcher = Batcher("router", stream)
    message = Sip("in", "a", "b", "udp", "c", "\udc80" * LARGEST)
    for number in range(MOST + 1):
        batcher.put(Record(float(number), "router", "info", "sip", "x"))
    batcher.put(Record(1.0, "router", "info", "sip", "x", sip=message))
    batcher.put(Record(1.0, "router", "info", "sip", "\U0001f600" * 10 * LONGEST))
    batcher.flush()
    assert [len(batch["records"]) for batch in stream.batches] == [MOST, 1, 1, 1]
    assert [batch["first"] for batch in stream.batches] == [0, MOST, MOST + 1, MOST + 2]
    assert "characters more" in stream.texts[-1]


async def test_the_largest_batch_passes_the_socket(tmp_path: Path, stream: Stream) -> None:
    path = tmp_path / "control.sock"
    async with ControlServer(path, {}) as server, ControlClient(path) as client:
        server.tap(TOPIC, stream)
        waiting: list[dict[str, object]] = []
        batcher = Batcher("router", waiting.append)
        raw = Sip("in", "a", "b", "udp", "c", "\udc80" * LONGEST)
        batcher.put(Record(1.0, "router", "info", "sip", "x", sip=raw))
        batcher.flush()
        await client.send("publish", topic=TOPIC, data=waiting[0])
        await eventually(lambda: stream.records)
    (record,) = stream.records
    assert record.sip == raw


def test_a_batch_waits_a_tenth_of_a_second(stream: Stream) -> None:
    batcher = Batcher("router", stream)
    batcher.turn(100.0)
    batcher.put(Record(1.0, "router", "info", "log", "x"))
    batcher.turn(100.05)
    assert stream.batches == []
    batcher.turn(100.11)
    assert len(stream.batches) == 1

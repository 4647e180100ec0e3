"""What is relied on of traces: on the fake, and over the control socket with the hub behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.control.client import ControlClient
from appliance.control.server import ControlServer
from appliance.control.trace import handlers
from appliance.control.trace_client import ControlTrace
from appliance.trace.captures import Captures
from appliance.trace.hub import Hub
from appliance.trace.past import Past
from db.variables.states import Actor
from shell.trace.choice import EVERYTHING, Choice
from shell.trace.record import TOPIC, Record, Sip, to_wire
from shell.trace_ports import RING, Limits, Trace, TraceRefusedError, View
from tests.appliance.waiting import eventually
from tests.fakes.trace import FakeTrace

ANNA = Actor("anna", "192.0.2.1:1024", "telnet")
BERTA = Actor("berta", "192.0.2.2:1024", "telnet")
CALL = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
INVITE = Sip(
    "in", "192.0.2.9:5060", "192.0.2.10:5060", "udp", "abc@pbx", "INVITE sip:200@x SIP/2.0\r\n\udc80"
)
RINGS = Record(1000.5, "router", "info", "call", "Berta rings", CALL, ("200", "0441234567"))
OFFER = Record(1000.25, "router", "debug", "sip", "INVITE from 0441234567", CALL, ("200",), INVITE)
PAGE = Record(1001.0, "web", "debug", "web", "GET / 200")
BROKEN = Record(1002.0, "web", "error", "log", "the store is gone")


@dataclass
class House:
    trace: Trace
    put: Callable[..., None]
    past: Callable[[str], None]


@pytest.fixture(params=["fake", "control socket"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    if request.param == "fake":
        fake = FakeTrace()
        yield House(fake, fake.put, lambda text: fake.past.append(Record(1.0, "media", "info", "log", text)))
        return
    past = Past()
    hub = Hub(Captures(tmp_path / "traces"), past)
    path = tmp_path / "control.sock"
    status = {"status": lambda *_: {"services": [{"name": "router", "state": "ready", "pid": 2}]}}
    async with ControlServer(path, {**status, **handlers(hub)}) as server, ControlClient(path) as control:
        hub.attach(server)
        running = asyncio.create_task(hub.run())
        trace = ControlTrace(control, path)

        def put(*records: Record) -> None:
            for record in records:
                server.publish(TOPIC, {"process": record.process, "records": [to_wire(record)]})

        yield House(trace, put, lambda text: past.add("media", text))
        await trace.close()
        running.cancel()
        await asyncio.wait([running])


async def shown(view: View, count: int) -> list[Record]:
    """The next records, as many as these."""
    found: list[Record] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            batch = await view.next()
            found += batch.records
            assert not batch.ended
    return found


async def read(trace: Trace, name: str) -> list[Record]:
    return [record async for block in trace.read(name) for record in block]


async def test_what_processes_do_is_seen_as_it_is(house: House) -> None:
    view = await house.trace.start(EVERYTHING, ANNA)
    house.put(OFFER, RINGS, PAGE)
    assert await shown(view, 3) == [OFFER, RINGS, PAGE]
    assert view.problem == ""
    await view.close()


async def test_a_viewer_sees_what_he_chose(house: House) -> None:
    of_call = await house.trace.start(Choice(calls=(CALL,)), ANNA)
    errors = await house.trace.start(Choice(processes=("web",), level="warning"), BERTA)
    house.put(OFFER, PAGE, RINGS, BROKEN)
    assert await shown(of_call, 2) == [OFFER, RINGS]
    assert await shown(errors, 1) == [BROKEN]


async def test_the_capture_has_what_the_view_has_shown(house: House) -> None:
    view = await house.trace.start(Choice(calls=(CALL,)), ANNA)
    house.put(OFFER, PAGE, RINGS)
    await shown(view, 2)
    (running,) = await house.trace.captures()
    assert (running.name, running.by, running.ended, running.watchers) == (view.capture, "anna", None, 1)
    assert running.choice == Choice(calls=(CALL,))
    await view.close()

    async def ended() -> object:
        return (await house.trace.captures())[0].ended

    assert await eventually(ended)
    (capture,) = await house.trace.captures()
    assert "anna" in capture.reason
    assert capture.records == 2
    assert await read(house.trace, view.capture) == [OFFER, RINGS]


async def test_several_may_look_at_one_trace_and_it_ends_with_the_last(house: House) -> None:
    first = await house.trace.start(EVERYTHING, ANNA)
    second = await house.trace.start(EVERYTHING, BERTA)
    assert first.capture == second.capture
    assert [watcher.user for watcher in await house.trace.watchers()] == ["anna", "berta"]
    house.put(PAGE)
    seen = await shown(first, 1), await shown(second, 1)
    assert seen[0] == seen[1] == [PAGE]
    assert seen[0][0] is seen[1][0]
    await first.close()
    house.put(BROKEN)
    assert await shown(second, 1) == [BROKEN]
    (capture,) = await house.trace.captures()
    assert (capture.ended, capture.watchers) == (None, 1)
    await second.close()
    assert await house.trace.watchers() == []


async def test_who_chooses_otherwise_has_a_capture_of_his_own(house: House) -> None:
    first = await house.trace.start(EVERYTHING, ANNA)
    second = await house.trace.start(Choice(level="error"), BERTA)
    assert first.capture != second.capture
    names = [capture.name for capture in await house.trace.captures()]
    assert sorted(names) == sorted((first.capture, second.capture))


async def test_a_mark_is_seen_by_everybody(house: House) -> None:
    views = [await house.trace.start(Choice(processes=(name,)), ANNA) for name in ("web", "router")]
    await house.trace.mark("now I\ncall", BERTA)
    for view in views:
        (mark,) = await shown(view, 1)
        assert (mark.group, mark.text) == ("mark", "berta: now I call")


async def test_the_past_comes_first_when_it_is_asked_for(house: House) -> None:
    house.past("an hour of silence")
    view = await house.trace.start(Choice(last_s=60), ANNA)
    house.put(PAGE)
    seen = await shown(view, 2)
    assert [record.text for record in seen] == ["an hour of silence", "GET / 200"]
    without = await house.trace.start(Choice(), BERTA)
    house.put(BROKEN)
    assert await shown(without, 1) == [BROKEN]


async def test_what_a_slow_viewer_misses_is_counted_and_the_newest_is_kept(house: House) -> None:
    slow = await house.trace.start(EVERYTHING, ANNA)
    quick = await house.trace.start(EVERYTHING, BERTA)
    seen: list[Record] = []
    records = [Record(float(number), "web", "info", "log", str(number)) for number in range(RING + 500)]
    for place in range(0, len(records), 500):
        house.put(*records[place : place + 500])
        seen += await shown(quick, 500)
    assert seen == records
    assert quick.missed == 0
    batch = await slow.next()
    assert (batch.missed, slow.missed) == (500, 500)
    assert batch.records == tuple(records[500:])


async def test_a_capture_needs_no_viewer(house: House) -> None:
    name = await house.trace.capture(Choice(processes=("web",)), ANNA, Limits(60, 1_000_000))
    house.put(RINGS, PAGE)
    await house.trace.stop(name, BERTA)

    async def ended() -> object:
        return (await house.trace.captures())[0].ended

    assert await eventually(ended)
    (capture,) = await house.trace.captures()
    assert "berta" in capture.reason
    assert await read(house.trace, name) == [PAGE]


async def test_a_capture_that_is_stopped_ends_its_views(house: House) -> None:
    view = await house.trace.start(EVERYTHING, ANNA)
    house.put(PAGE)
    await shown(view, 1)
    await house.trace.stop(view.capture, BERTA)
    async with asyncio.timeout(10):
        batch = await view.next()
    assert "berta has stopped it" in batch.ended
    assert (await view.next()).ended == batch.ended
    await view.close()


async def test_a_capture_is_deleted_when_it_has_ended(house: House) -> None:
    name = await house.trace.capture(EVERYTHING, ANNA)
    with pytest.raises(TraceRefusedError, match="runs"):
        await house.trace.delete(name)
    await house.trace.stop(name)

    async def ended() -> object:
        return (await house.trace.captures())[0].ended

    assert await eventually(ended)
    await house.trace.delete(name)
    assert await house.trace.captures() == []
    with pytest.raises(TraceRefusedError, match="no capture"):
        await read(house.trace, name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "20261124-120000-x/../y", "", "nobody", "x" * 300])
async def test_only_captures_are_read_stopped_and_deleted(house: House, name: str) -> None:
    for refused in (house.trace.delete(name or "?"), house.trace.stop(name or "?")):
        with pytest.raises(TraceRefusedError):
            await refused
    with pytest.raises(TraceRefusedError):
        await read(house.trace, name or "?")


@pytest.mark.parametrize("limits", [Limits(0.5), Limits(1e9), Limits(size=10), Limits(size=10**10)])
async def test_limits_out_of_bounds_are_refused(house: House, limits: Limits) -> None:
    with pytest.raises(TraceRefusedError):
        await house.trace.start(EVERYTHING, ANNA, limits)
    with pytest.raises(TraceRefusedError):
        await house.trace.capture(EVERYTHING, ANNA, limits)
    assert await house.trace.watchers() == []
    assert await house.trace.captures() == []


async def test_a_next_that_is_given_up_loses_nothing(house: House) -> None:
    view = await house.trace.start(EVERYTHING, ANNA)
    waiting = asyncio.ensure_future(view.next())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    house.put(PAGE)
    assert await shown(view, 1) == [PAGE]


async def test_each_process_tells_what_it_does(house: House) -> None:
    found = {doing.process: doing for doing in await house.trace.processes()}
    assert {"supervisor", "router"} <= found.keys()
    assert (found["router"].state, found["router"].pid) == ("ready", 2)

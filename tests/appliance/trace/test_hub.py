"""Who looks, what runs, and what becomes of both when somebody goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance.control.client import ControlClient
from appliance.control.protocol import RefusedError
from appliance.control.server import ControlServer
from appliance.control.trace import handlers
from appliance.control.trace_client import ControlTrace
from appliance.trace import hub as hubs
from appliance.trace.captures import Captures
from appliance.trace.hub import Hub
from appliance.trace.lookers import LEASE_S
from appliance.trace.past import Past
from appliance.trace.running import MOST_RUNNING
from db.variables.states import Actor
from shell.ports import SystemUnavailableError
from shell.trace.choice import EVERYTHING, Choice
from shell.trace.record import TOPIC, Record, to_wire
from shell.trace_ports import STALLED_S, Batch, Limits, TraceRefusedError, View
from tests.appliance.waiting import eventually

ANNA = Actor("anna", "192.0.2.1:1024", "telnet")
QUICK = 0.05


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.read = 0
        """How many times."""

    def __call__(self) -> float:
        self.read += 1
        return self.now


class House:
    """A supervisor's part and a shell's, on one socket. The supervisor's may end and begin again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "control.sock"
        self.clock, self.clock_of_shell = Clock(), Clock()
        self.control = ControlClient(self.path)
        self.trace = ControlTrace(self.control, self.path, monotonic=self.clock_of_shell, renew_every=QUICK)
        self.server: ControlServer
        self.hub: Hub

    @asynccontextmanager
    async def supervisor(self, free: int = 10**12) -> AsyncIterator[None]:
        room = Captures(self.folder / "traces", free=lambda _: free)
        self.hub = Hub(room, Past(), monotonic=self.clock)
        async with ControlServer(self.path, handlers(self.hub)) as self.server:
            self.hub.attach(self.server)
            running = asyncio.create_task(self.hub.run())
            yield
            running.cancel()
            await asyncio.wait([running])

    def put(self, *texts: str, process: str = "router") -> None:
        wires = [to_wire(Record(1.0, process, "info", "log", text)) for text in texts]
        self.server.publish(TOPIC, {"process": process, "records": wires})


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(hubs, "TICK", 0.01)
    house = House(tmp_path)
    yield house
    await house.trace.close()
    await house.control.close()


async def seen(view: View, *texts: str) -> Batch:
    """The last batch, when all these have been shown."""
    found: list[str] = []
    async with asyncio.timeout(10):
        while True:
            batch = await view.next()
            found += [record.text for record in batch.records]
            if set(texts) <= set(found) or batch.ended:
                assert set(texts) <= set(found)
                return batch


async def watched(house: House) -> bool:
    return bool(house.server._taps.get(TOPIC)) or any(TOPIC in one.topics for one in house.server._clients)


async def test_nothing_is_watched_before_and_after_a_view(house: House) -> None:
    async with house.supervisor():
        assert not await watched(house)
        view = await house.trace.start(EVERYTHING, ANNA)
        assert await watched(house)
        await view.close()
        await eventually(lambda: not house.server._taps.get(TOPIC))

        async def unwatched() -> bool:
            return not await watched(house)

        await eventually(unwatched)


async def test_a_process_of_the_shell_subscribes_once(house: House) -> None:
    async with house.supervisor():
        views = [await house.trace.start(EVERYTHING, ANNA) for _ in range(5)]
        assert sum(TOPIC in one.topics for one in house.server._clients) == 1
        for view in views:
            await view.close()


async def test_a_view_goes_on_with_a_new_supervisor_and_a_new_capture(house: House) -> None:
    async with house.supervisor():
        view = await house.trace.start(EVERYTHING, ANNA)
        before = view.capture
        house.put("before")
        await seen(view, "before")
        house.hub._bus = None  # killed, it says nothing any more
    async with asyncio.timeout(10):
        while not any("the supervisor is not there" in one.text for one in (await view.next()).records):
            pass
    async with house.supervisor():
        await eventually(lambda: view.capture != before)
        house.put("after")
        await seen(view, "after")
        found = {capture.name: capture for capture in await house.trace.captures()}
        assert found[before].reason == "the appliance was stopped"
        assert found[view.capture].ended is None


async def test_without_a_supervisor_no_view_begins(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.control.trace_client.SUBSCRIBE_WITHIN", 0.1)
    with pytest.raises(SystemUnavailableError):
        await house.trace.start(EVERYTHING, ANNA)
    with pytest.raises(SystemUnavailableError):
        await house.trace.captures()


async def test_a_view_of_a_shell_that_died_ends_with_its_lease(house: House) -> None:
    async with house.supervisor():
        looking = await house.hub.look("1-1", EVERYTHING, ANNA, None, 0.0)
        house.clock.now += LEASE_S - 1
        await house.hub.renew("1-1", EVERYTHING, ANNA, None, 7)
        house.clock.now += LEASE_S - 1
        before = house.clock.read
        await eventually(lambda: house.clock.read > before + 1)
        assert [watcher.missed for watcher in house.hub.watchers()] == [7]
        house.clock.now += 2
        await eventually(lambda: not house.hub.watchers())

        async def ended() -> bool:
            return (await house.hub.captures())[0].ended is not None

        await eventually(ended)
        assert (await house.hub.captures())[0].name == looking.capture


async def test_a_viewer_who_stalls_is_seen_off_and_the_others_go_on(house: House) -> None:
    async with house.supervisor():
        stalled = await house.trace.start(EVERYTHING, ANNA)
        good = await house.trace.start(EVERYTHING, ANNA)
        house.put("one")
        await seen(good, "one")
        waiting = asyncio.ensure_future(good.next())
        await asyncio.sleep(0)
        house.clock_of_shell.now += STALLED_S + 1

        async def alone() -> bool:
            return len(await house.trace.watchers()) == 1

        await eventually(alone)
        house.put("two")
        assert [record.text for record in (await waiting).records] == ["two"]
        batch = await stalled.next()
        assert [record.text for record in batch.records] == ["one"]
        assert "for a minute" in batch.ended
        await stalled.close()
        assert good.missed == 0


async def test_the_subscription_ends_when_all_who_look_were_seen_off(house: House) -> None:
    async with house.supervisor():
        view = await house.trace.start(EVERYTHING, ANNA)
        await house.trace.stop(view.capture, ANNA)
        async with asyncio.timeout(10):
            while not (await view.next()).ended:
                pass
        await view.close()

        async def unwatched() -> bool:
            return not await watched(house)

        await eventually(unwatched)


async def test_a_view_without_a_capture_says_why(house: House) -> None:
    async with house.supervisor(free=0):
        view = await house.trace.start(EVERYTHING, ANNA)
        assert view.capture == ""
        assert "no room" in view.problem
        house.put("all the same")
        await seen(view, "all the same")
        with pytest.raises(TraceRefusedError, match="no room"):
            await house.trace.capture(EVERYTHING, ANNA)


async def test_a_view_ends_with_the_time_of_its_capture(house: House) -> None:
    async with house.supervisor():
        view = await house.trace.start(EVERYTHING, ANNA, Limits(1.0, 1_000_000))
        async with asyncio.timeout(10):
            while not (batch := await view.next()).ended:
                pass
        assert batch.ended == f"{view.capture} has ended: its 1 s are over"


async def test_so_many_captures_run_and_no_more(house: House) -> None:
    async with house.supervisor():
        for number in range(MOST_RUNNING):
            await house.trace.capture(Choice(texts=(str(number),)), ANNA, Limits(60, 10_000))
        with pytest.raises(TraceRefusedError, match="captures run already"):
            await house.trace.capture(EVERYTHING, ANNA)


async def test_a_filtered_capture_has_what_fits_and_every_mark(house: House) -> None:
    async with house.supervisor():
        name = await house.trace.capture(Choice(processes=("web",), texts=("good",)), ANNA)
        house.put("good", "bad", process="web")
        house.put("good", process="router")
        house.server.publish(TOPIC, {"process": "web", "records": [["damaged"], None]})
        await house.trace.mark("here", ANNA)
        await house.trace.stop(name)

        async def texts() -> list[str]:
            return [record.text async for block in house.trace.read(name) for record in block]

        await eventually(lambda: not house.server._taps.get(TOPIC))
        assert await texts() == ["good", "anna: here"]


async def test_what_a_child_writes_is_seen_while_it_is_watched(house: House) -> None:
    async with house.supervisor():
        house.hub.output("media", "before anybody looks")
        view = await house.trace.start(EVERYTHING, ANNA)
        house.hub.output("media", "2026-11-24 12:00:00.000 ERROR media: broken\nwith a second line")
        house.hub.output("web", "2126-11-24 12:00:00.000 INFO web: it tells that by itself")
        house.hub.output("web", "2016-11-24 12:00:00.000 INFO web: late, of before")
        batch = await seen(view, "broken", "with a second line", "late, of before")
        assert "it tells that by itself" not in [record.text for record in batch.records]


async def test_the_past_begins_the_capture_too(house: House) -> None:
    async with house.supervisor():
        house.hub.output("media", "long ago")
        view = await house.trace.start(Choice(last_s=60), ANNA)
        house.put("now")
        await seen(view, "long ago", "now")
        await house.trace.stop(view.capture)
        await eventually(lambda: not house.server._taps.get(TOPIC))
        texts = [record.text async for block in house.trace.read(view.capture) for record in block]
        assert texts == ["long ago", "now"]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("trace_look", {}),
        ("trace_look", {"view": "1", "choice": {"level": "loud"}, "who": {}, "began": 0}),
        ("trace_look", {"view": "1", "choice": {}, "who": {"user": 5}, "began": 0}),
        ("trace_look", {"view": "1", "who": {"user": "a", "address": "", "channel": "telnet"}, "began": "x"}),
        ("trace_capture", {"limits": 5, "who": {"user": "a", "address": "", "channel": "telnet"}}),
        ("trace_read", {"capture": "x", "offset": "0"}),
        ("trace_mark", {"text": ""}),
        ("trace_stop", {}),
    ],
)
async def test_a_request_that_is_none_is_refused_in_words(
    house: House, name: str, args: dict[str, Any]
) -> None:
    async with house.supervisor():
        found = await _refusal(house, name, args)
        assert found
        assert "failed" not in found


async def _refusal(house: House, name: str, args: dict[str, Any]) -> str:
    with pytest.raises(RefusedError) as refused:
        await house.control.request(name, **args)
    return refused.value.error


async def test_a_burst_costs_a_viewer_nothing_who_takes_what_there_is(house: House) -> None:
    async with house.supervisor():
        view = await house.trace.start(EVERYTHING, ANNA)
        for number in range(50):
            house.put(*(f"{number}-{place}" for place in range(200)))
        found: list[str] = []
        async with asyncio.timeout(10):
            while len(found) < 10_000:
                found += [record.text for record in (await view.next()).records]
        assert found == [f"{number}-{place}" for number in range(50) for place in range(200)]
        assert view.missed == 0

"""What the router and the media server tell the supervisor, without ever waiting for it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from appliance.control import address
from appliance.control.client import watch
from appliance.control.reporter import Reporter
from appliance.control.server import ControlServer
from tests.appliance.control.office import Office
from tests.appliance.waiting import eventually


async def test_the_reporter_introduces_itself_and_tells_changed_facts(
    server: ControlServer, path: Path, office: Office
) -> None:
    reporter = Reporter(path, "router")
    reporter.ready({"calls": 0})
    reporter.facts({"calls": 0})
    now = 0.0

    def heard(count: int) -> bool:
        nonlocal now
        now += 0.5
        reporter.turn(now)
        return len(office.heard) == count

    await eventually(lambda: heard(1))
    reporter.facts({"calls": 1})
    await eventually(lambda: heard(2))
    assert [(name, facts) for name, facts, _ in office.heard] == [
        ("ready", {"calls": 0}),
        ("facts", {"calls": 1}),
    ]
    reporter.close()


async def test_the_reporter_comes_back_after_the_server_did(path: Path, office: Office) -> None:
    reporter = Reporter(path, "router")
    reporter.ready({"calls": 2})
    now = 0.0

    def heard() -> list[object]:
        nonlocal now
        now += 0.5
        reporter.turn(now)
        return office.heard  # type: ignore[return-value]

    for _ in range(2):
        async with ControlServer(path, office.handlers()):  # type: ignore[arg-type]
            await eventually(heard)
        assert office.heard[0][:2] == ("ready", {"calls": 2})
        office.heard.clear()
    reporter.close()


async def test_the_reporter_never_waits_for_a_supervisor_that_does_not_read(path: Path) -> None:
    listening = address.listen(path)
    reporter = Reporter(path, "router")
    reporter.ready({})
    loop = asyncio.get_running_loop()
    started = loop.time()
    for n in range(5000):
        reporter.publish("call", {"n": n, "text": "x" * 500})
        reporter.turn(float(n))
    assert loop.time() - started < 5
    peer, _ = listening.accept()
    peer.setblocking(False)
    with peer:
        sent = b""

        def told() -> bool:
            nonlocal sent
            try:
                sent += peer.recv(1 << 20)
            except BlockingIOError:
                reporter.publish("call", {"n": -1})
            reporter.turn(1e6)
            return b'"topic":"dropped"' in sent

        await eventually(told)
    reporter.close()
    listening.close()


async def test_publishers_learn_what_is_watched_and_when_nobody_watches_any_more(
    server: ControlServer, path: Path
) -> None:
    publisher = watch(path, ["watched"])
    assert await anext(publisher) == ("watched", {"topics": []})
    watcher = asyncio.create_task(anext(watch(path, ["call"])))
    assert await anext(publisher) == ("watched", {"topics": ["call"]})
    server.publish("call", {"n": 1})
    assert await watcher == ("call", {"n": 1})
    del watcher
    assert await anext(publisher) == ("watched", {"topics": []})
    await publisher.aclose()  # type: ignore[attr-defined]


async def test_the_reporter_sends_only_what_somebody_watches(path: Path) -> None:
    listening = address.listen(path)
    reporter = Reporter(path, "router")
    reporter.turn(0.0)
    peer, _ = listening.accept()
    with peer:
        reporter.publish("call", {"n": 1})
        peer.sendall(b'{"event":"watched","data":{"topics":["notice"]}}\n')
        reporter.publish("notice", {"n": 2})
        reporter.turn(1.0)
        reporter.publish("call", {"n": 3})
        reporter.publish("notice", {"n": 4})
        reporter.turn(1.5)
        peer.sendall(b'{"event":"watched","data":{"topics":["call"]}}\n')
        reporter.publish("call", {"n": 5})
        reporter.turn(2.0)
        lines = [json.loads(line) for line in peer.recv(1 << 16).splitlines()]
    published = [line["args"]["data"]["n"] for line in lines if line["request"] == "publish"]
    assert published == [1, 2, 4, 5]
    reporter.close()
    listening.close()


async def test_a_watcher_sees_what_the_reporter_publishes_right_after_it_came(
    server: ControlServer, path: Path
) -> None:
    reporter = Reporter(path, "router")
    reporter.ready({})
    now = 0.0

    def tell() -> bool:
        nonlocal now
        now += 0.5
        reporter.turn(now)
        reporter.publish("call", {"n": 1})
        return watcher.done()

    watcher = asyncio.create_task(anext(watch(path, ["call"])))
    await eventually(tell)
    assert watcher.result() == ("call", {"n": 1})
    reporter.close()


async def test_what_cannot_be_told_does_not_stop_the_router(path: Path) -> None:
    """Facts and events that are no JSON; a supervisor that speaks nonsense, and goes."""
    listening = address.listen(path)
    reporter = Reporter(path, "router")
    reporter.ready({"bad": float("nan")})
    reporter.publish("call", {"bad": object()})
    for now in (0.0, 10.0):
        reporter.turn(now)
        peer, _ = listening.accept()
        peer.sendall(
            b'nonsense\n{"event":"watched","data":3}\n{"event":"watched","data":{"topics":[[]]}}\n\xff\n'
        )
        reporter.turn(now)
        reporter.facts({"bad": object()})
        peer.close()
        reporter.turn(now)
    reporter.close()
    listening.close()

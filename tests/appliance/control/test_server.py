"""The control socket between real clients and the real server."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.control import address
from appliance.control.client import ControlClient, ControlUnavailableError, watch
from appliance.control.protocol import MAX_LINE, RefusedError, Request
from appliance.control.reporter import Reporter
from appliance.control.server import ControlServer, Peer
from tests.appliance.waiting import eventually


class Office:
    """Handlers as a supervisor has them."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, object, int]] = []
        self.hold = asyncio.Event()

    def handlers(self) -> dict[str, object]:
        return {
            "status": lambda request, peer: {"fine": True},
            "slow": self.slow,
            "refuse": self.refuse,
            "break": lambda request, peer: 1 / 0,
            "ready": self.note,
            "facts": self.note,
            "large": lambda request, peer: "x" * MAX_LINE,
        }

    def note(self, request: Request, peer: Peer) -> None:
        self.heard.append((request.name, request.args.get("facts"), peer.pid))

    async def slow(self, request: Request, peer: Peer) -> str:
        await self.hold.wait()
        return "done"

    async def refuse(self, request: Request, peer: Peer) -> None:
        raise RefusedError("not today", "ask tomorrow")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A path far longer than the 108 bytes of a socket address."""
    folder = tmp_path / ("long" * 30) / "run"
    folder.mkdir(parents=True)
    return folder / "control.sock"


@pytest.fixture
async def office() -> Office:
    return Office()


@pytest.fixture
async def server(path: Path, office: Office) -> AsyncIterator[ControlServer]:
    async with ControlServer(path, office.handlers(), max_clients=8) as server:  # type: ignore[arg-type]
        yield server
    assert not path.exists()


async def test_a_request_gets_its_result(server: ControlServer, path: Path) -> None:
    async with ControlClient(path) as client:
        assert await client.request("status") == {"fine": True}


async def test_the_socket_is_for_its_owner_alone(server: ControlServer, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_refusal_carries_its_hint(server: ControlServer, path: Path) -> None:
    async with ControlClient(path) as client:
        with pytest.raises(RefusedError, match="not today") as caught:
            await client.request("refuse")
        assert caught.value.hint == "ask tomorrow"
        with pytest.raises(RefusedError, match="there is no request 'nonsense'") as caught:
            await client.request("nonsense")
        assert "status" in caught.value.hint


async def test_a_handler_that_breaks_hurts_its_request_alone(server: ControlServer, path: Path) -> None:
    async with ControlClient(path) as client:
        with pytest.raises(RefusedError, match="break failed"):
            await client.request("break")
        with pytest.raises(RefusedError, match="longer than a line"):
            await client.request("large")
        assert await client.request("status") == {"fine": True}


async def test_a_slow_request_holds_up_no_other(server: ControlServer, path: Path, office: Office) -> None:
    async with ControlClient(path) as client, asyncio.TaskGroup() as group:
        slow = group.create_task(client.request("slow"))
        assert await client.request("status") == {"fine": True}
        assert not slow.done()
        office.hold.set()
    assert slow.result() == "done"


async def test_replies_reach_a_client_that_has_closed_its_sending_side(
    server: ControlServer, path: Path, office: Office
) -> None:
    reader, writer = await raw(path)
    writer.write(b'{"id":7,"request":"slow"}\n')
    writer.write_eof()
    office.hold.set()
    assert json.loads(await reader.readline()) == {"id": 7, "ok": True, "result": "done"}
    assert await reader.read() == b""
    writer.close()


async def test_without_an_id_there_is_no_reply(server: ControlServer, path: Path, office: Office) -> None:
    reader, writer = await raw(path)
    writer.write(
        b'{"request":"facts","args":{"facts":{"a":1}}}\n{"request":"nonsense"}\n{"request":"refuse"}\n'
    )
    writer.write(b'{"id":1,"request":"status"}\n')
    assert json.loads(await reader.readline())["id"] == 1
    assert office.heard == [("facts", {"a": 1}, os.getpid())]
    writer.close()


async def test_a_bad_line_is_answered_and_the_connection_goes_on(server: ControlServer, path: Path) -> None:
    reader, writer = await raw(path)
    writer.write(b'{broken\n[]\n\n{"id":"a","request":"status","args":3}\n{"id":1,"request":"status"}\n')
    replies = [json.loads(await reader.readline()) for _ in range(4)]
    assert [(r["id"], r["ok"]) for r in replies] == [(None, False), (None, False), ("a", False), (1, True)]
    writer.close()


async def test_a_line_beyond_the_limit_closes_its_connection_alone(server: ControlServer, path: Path) -> None:
    async with ControlClient(path) as other:
        assert await other.request("status")
        reader, writer = await raw(path)
        writer.write(b"x" * (MAX_LINE + 10))
        assert "longer than" in json.loads(await reader.readline())["error"]
        assert await reader.read() == b""
        writer.close()
        assert await other.request("status")


async def test_a_watcher_sees_published_events_of_its_topics(server: ControlServer, path: Path) -> None:
    events = watch(path, ["call"])
    first = asyncio.ensure_future(anext(events))
    async with ControlClient(path) as client:

        async def seen() -> bool:
            await client.send("publish", topic="other", data={"n": 0})
            await client.send("publish", topic="call", data={"n": 1})
            return first.done()

        await eventually(seen)
    assert first.result() == ("call", {"n": 1})
    await events.aclose()  # type: ignore[attr-defined]


async def test_a_watcher_that_does_not_read_is_told_how_much_it_missed(
    server: ControlServer, path: Path
) -> None:
    reader, writer = await raw(path)
    writer.write(b'{"id":1,"request":"watch","args":{"topics":["call"]}}\n')
    assert json.loads(await reader.readline())["ok"]
    sent = 20_000
    for n in range(sent):
        server.publish("call", {"n": n, "text": "x" * 200})
    received = dropped = 0
    while received + dropped < sent:
        if not dropped:  # there is room again some time: then the count is told before the next event
            server.publish("call", {"n": sent})
            sent += 1
        message = json.loads(await reader.readline())
        dropped += message["data"].get("count", 0)
        received += message["event"] == "call"
    assert dropped >= 15_000
    writer.close()


@pytest.mark.parametrize("topics", [3, [1], ["t"] * 33])
async def test_watching_nonsense_is_refused(server: ControlServer, path: Path, topics: object) -> None:
    async with ControlClient(path) as client:
        with pytest.raises(RefusedError, match="watch: "):
            await client.request("watch", topics=topics)


async def test_one_client_too_many_is_told_so(server: ControlServer, path: Path) -> None:
    peers = [await raw(path) for _ in range(8)]
    for reader, writer in peers:
        writer.write(b'{"id":1,"request":"status"}\n')
        assert json.loads(await reader.readline())["ok"]
    reader, writer = await raw(path)
    assert json.loads(await reader.readline())["error"] == "too many clients"
    writer.close()
    peers.pop()[1].close()

    async def served_again() -> bool:
        try:
            async with ControlClient(path) as client:
                return bool(await client.request("status"))
        except ControlUnavailableError:
            return False

    assert await eventually(served_again)
    for _, writer in peers:
        writer.close()


async def test_a_client_that_never_reads_cannot_grow_the_server(server: ControlServer, path: Path) -> None:
    _, writer = await raw(path)
    writer.transport.set_write_buffer_limits(high=1 << 16)
    nonsense = b'{"id":1,"request":"' + b"n" * 5000 + b'"}\n'

    async def flood() -> None:
        while True:
            writer.write(nonsense)
            await writer.drain()

    flooding = asyncio.ensure_future(flood())
    async with ControlClient(path) as other:
        await eventually(lambda: writer.transport.get_write_buffer_size() > 1 << 16)
        for _ in range(50):
            assert await other.request("status")
    assert not flooding.done()  # held back by its own unread replies
    flooding.cancel()
    writer.close()


@pytest.mark.parametrize("seed", range(20))
async def test_random_bytes_hurt_nobody(server: ControlServer, path: Path, seed: int) -> None:
    chance = random.Random(seed)
    pieces = [
        b'{"id":1,"request":"status"}',
        b"\n",
        b"{",
        b'"',
        b"\xff\x00",
        b"[" * 3000,
        b'{"request":',
        b"}",
        b"\\u",
    ]
    async with ControlClient(path) as other:
        for _ in range(10):
            _, writer = await raw(path)
            for _ in range(chance.randrange(20)):
                writer.write(chance.choice([chance.randbytes(chance.randrange(200)), chance.choice(pieces)]))
            if chance.random() < 0.5:
                writer.transport.abort()
            writer.close()
            assert await other.request("status") == {"fine": True}


async def test_a_lost_connection_ends_waiting_requests_and_the_next_one_connects_again(
    path: Path, office: Office
) -> None:
    client = ControlClient(path)
    async with ControlServer(path, office.handlers()):  # type: ignore[arg-type]
        waiting = asyncio.ensure_future(client.request("slow"))
        assert await client.request("status")
    with pytest.raises(ControlUnavailableError, match="closed the connection"):
        await waiting
    with pytest.raises(ControlUnavailableError, match="nothing runs"):
        await client.request("status")
    async with ControlServer(path, office.handlers()):  # type: ignore[arg-type]
        assert await client.request("status") == {"fine": True}
        await client.close()


async def test_no_answer_in_time_is_said(server: ControlServer, path: Path) -> None:
    async with ControlClient(path) as client:
        with pytest.raises(ControlUnavailableError, match=r"did not answer slow within 0\.05 s"):
            await client.request("slow", within=0.05)


async def test_a_socket_file_left_behind_is_replaced_and_one_that_answers_is_not(
    path: Path, office: Office
) -> None:
    left = address.listen(path)
    left.close()
    assert path.exists()
    async with ControlServer(path, office.handlers()):  # type: ignore[arg-type]
        with pytest.raises(address.InUseError):
            address.listen(path)
        async with ControlClient(path) as client:
            assert await client.request("status")


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


async def raw(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    sock: socket.socket = address.connect(path)
    return await asyncio.open_unix_connection(sock=sock, limit=2 * MAX_LINE)

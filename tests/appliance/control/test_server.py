"""The control socket between real clients and the real server."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import stat
from pathlib import Path

import pytest

from appliance.control import address
from appliance.control.client import ControlClient, ControlUnavailableError, watch
from appliance.control.protocol import MAX_LINE, RefusedError
from appliance.control.server import ControlServer
from tests.appliance.control.office import Office
from tests.appliance.waiting import eventually


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


async def raw(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    sock: socket.socket = address.connect(path)
    return await asyncio.open_unix_connection(sock=sock, limit=2 * MAX_LINE)

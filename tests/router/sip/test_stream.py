"""SIP over TCP on loopback: connections accepted and made, their limits in number, bytes and time."""

from __future__ import annotations

import errno
import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from router.sip import doors, streams
from router.sip.message import Request
from router.sip.net import Flow, NetworkError
from router.sip.stream import CONNECT_S, IDLE_S, MESSAGE_S, QUEUE, Stream
from tests.router.sip.turns import PATIENCE_S, Watched, caller, descriptors, request, watched


@pytest.fixture
def network() -> Iterator[Watched]:
    with watched() as network:
        yield network


@pytest.fixture
def phone() -> Iterator[socket.socket]:
    """A listening far end."""
    with socket.create_server(("127.0.0.1", 0)) as phone:
        phone.settimeout(PATIENCE_S)
        yield phone


def _ids(network: Watched) -> list[str]:
    return [message.call_id for message, _ in network.received]


def test_a_message_over_a_connection_comes_parsed_and_is_answered_over_it(network: Watched) -> None:
    with caller(network.net.port) as connection:
        connection.sendall(request(7, b"body"))
        ((message, flow),) = network.delivered(1)
        assert isinstance(message, Request)
        assert (message.call_id, message.body) == ("7", b"body")
        assert (flow.transport, flow.reliable, flow.alive) == ("TCP", True, True)
        assert flow.remote == connection.getsockname()
        assert flow.local == ("127.0.0.1", network.net.port)
        flow.send(b"answer")
        assert connection.recv(100) == b"answer"


def test_a_flow_made_by_us_connects_in_the_background_and_carries_both_ways(
    network: Watched, phone: socket.socket
) -> None:
    flow = network.net.flow("tcp", *phone.getsockname())
    flow.send(request(1))
    flow.send(request(2))
    connection, source = phone.accept()
    with connection:
        connection.settimeout(PATIENCE_S)
        network.until(lambda: network.net.pump(0) == 0)
        assert _read(connection, len(request(1) * 2)) == request(1) + request(2)
        assert source[0] == "127.0.0.1"
        assert flow.local == ("127.0.0.1", network.net.port)
        connection.sendall(request(3))
        assert network.delivered(1)[0][1] is flow


def test_a_connection_is_used_again_until_it_ends(network: Watched, phone: socket.socket) -> None:
    flow = network.net.flow("TCP", *phone.getsockname())
    assert network.net.flow("TCP", *phone.getsockname()) is flow
    phone.accept()[0].close()
    assert "closed" in network.problem()
    assert not flow.alive
    again = network.net.flow("TCP", *phone.getsockname())
    assert again is not flow
    assert again.alive


def test_an_accepted_connection_is_used_for_exactly_where_it_came_from(network: Watched) -> None:
    with caller(network.net.port) as connection:
        connection.sendall(request())
        flow = network.delivered(1)[0][1]
        assert network.net.flow("TCP", *connection.getsockname()) is flow


def test_nobody_listening_is_told_and_what_is_sent_then_is_told_too(
    network: Watched, phone: socket.socket
) -> None:
    address = phone.getsockname()
    phone.close()
    flow = network.net.flow("TCP", *address)
    flow.send(request())
    assert network.problem() == "Connection refused"
    network.broken.clear()
    flow.send(request())
    assert network.broken == []  # never from within send
    assert "closed" in network.problem()
    assert network.streams() == 0


def test_no_way_at_all_is_told(network: Watched) -> None:
    flow = network.net.flow("TCP", "255.255.255.255", 5060)  # the kernel refuses at once
    assert not flow.alive
    assert network.broken == []  # never from within the call
    network.problem()
    assert network.broken[0][0] is flow


def test_a_far_end_that_does_not_take_the_connection_is_given_up_in_time(network: Watched) -> None:
    with ExitStack() as held, socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # more than the backlog holds: the kernel ignores the rest
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        flow = network.net.flow("TCP", *full.getsockname())
        flow.send(request())
        network.net.pump(0.05)
        assert flow.alive
        network.clock.jump(CONNECT_S - 1)
        network.net.pump(0)
        assert flow.alive
        network.clock.jump(1.5)
        assert network.problem() == "no connection in time"
        assert not flow.alive


def test_any_cut_of_the_bytes_gives_the_same_messages() -> None:
    rng = random.Random(20261122)
    for _ in range(15):
        with watched() as network, caller(network.net.port) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            bodies = [rng.randbytes(rng.choice((0, 1, 3, 700, 5000))) for _ in range(12)]
            data = b"".join(
                rng.choice((b"", b"\r\n\r\n", b"\r\n")) + request(number, body)
                for number, body in enumerate(bodies)
            )
            while data:
                size = rng.choice((1, 2, 3, 10, 100, 1460, 9000))
                connection.sendall(data[:size])
                data = data[size:]
                network.net.pump(0)
            network.delivered(len(bodies))
            assert [message.body for message, _ in network.received] == bodies
            assert _ids(network) == [str(number) for number in range(len(bodies))]


def test_garbage_ends_its_connection_and_no_other() -> None:
    rng = random.Random(20261122)
    with watched() as network, caller(network.net.port) as good:
        for _ in range(40):
            with caller(network.net.port) as bad:
                noise = rng.randbytes(rng.randrange(1, 3000)) + b"\r\n\r\n"
                bad.sendall(noise)
                network.until(lambda: network.broken)
                assert "not SIP" in network.broken.pop()[1]
        good.sendall(request(5))
        assert network.delivered(1)[0][0].call_id == "5"
        assert network.streams() == 1


def test_messages_before_garbage_are_delivered(network: Watched) -> None:
    with caller(network.net.port) as connection:
        connection.sendall(request(1) + request(2) + b"garbage\r\n\r\n")
        network.problem()
        assert _ids(network) == ["1", "2"]


def test_a_keep_alive_is_answered(network: Watched) -> None:
    with caller(network.net.port) as connection:
        connection.sendall(b"\r\n\r\n")
        network.until(lambda: _peek(connection))
        assert connection.recv(100) == b"\r\n"
        assert network.received == []


def test_a_far_end_that_never_reads_is_given_up_with_bounded_memory(network: Watched) -> None:
    with caller(network.net.port) as connection:
        connection.sendall(request())
        flow = network.delivered(1)[0][1]
        sent = 0
        while flow.alive:
            flow.send(b"x" * 10_000)
            sent += 10_000
            assert sent < 64 * QUEUE
        assert network.problem() == "the far end does not read what it is sent"
        assert sent > QUEUE
        assert network.streams() == 0


def test_what_is_queued_for_a_slow_reader_arrives_whole_and_in_order(network: Watched) -> None:
    with caller(network.net.port) as connection:
        connection.sendall(request())
        flow = network.delivered(1)[0][1]
        assert isinstance(flow, Stream)
        piece = random.Random(1).randbytes(9973)
        sent = 0
        while len(flow._queue) < QUEUE // 2:  # more than the kernel takes
            flow.send(piece)
            sent += 1
        got = bytearray()

        def everything() -> bool:
            while chunk := _peek(connection):
                got.extend(connection.recv(len(chunk)))
            return len(got) >= sent * len(piece)

        network.until(everything)
        assert got == piece * sent
        assert flow.alive


def test_a_message_that_is_never_finished_ends_its_connection(network: Watched) -> None:
    with caller(network.net.port) as connection:
        connection.sendall(request(1) + request(2)[:50])
        network.delivered(1)
        network.clock.jump(MESSAGE_S / 2)
        connection.sendall(request(2)[50:60])
        network.until(lambda: network.net.pump(0) == 0)
        assert network.streams() == 1
        network.clock.jump(MESSAGE_S / 2 + 1)
        assert network.problem() == "a message was begun and not finished in time"


def test_a_message_finished_in_time_takes_the_limit_away(network: Watched) -> None:
    with caller(network.net.port) as connection:
        connection.sendall(request(1)[:50])
        network.until(lambda: network.streams() == 1)
        network.net.pump(0.01)
        connection.sendall(request(1)[50:])
        network.delivered(1)
        network.clock.jump(MESSAGE_S * 2)
        network.net.pump(0)
        assert network.streams() == 1


def test_a_silent_connection_is_closed_unless_a_dialog_needs_it(network: Watched) -> None:
    with caller(network.net.port) as needed, caller(network.net.port) as silent:
        needed.sendall(request(1))
        network.in_use.add(network.delivered(1)[0][1])
        silent.sendall(request(2))
        network.delivered(2)
        network.clock.jump(IDLE_S - 5)
        network.net.pump(0)
        assert network.streams() == 2
        network.clock.jump(10)
        assert network.problem() == "nothing was said for long"
        assert network.broken[0][0].remote == silent.getsockname()
        assert network.streams() == 1


def test_too_many_connections_close_the_stranger_first_then_the_longest_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "MOST", 4)
    with watched() as network, ExitStack() as held:
        known = [held.enter_context(caller(network.net.port)) for _ in range(3)]
        for number, connection in enumerate(known):
            connection.sendall(request(number))
            network.delivered(number + 1)
        known[0].sendall(request(9))
        network.delivered(4)
        network.in_use.add(network.received[1][1])
        stranger = held.enter_context(caller(network.net.port))
        network.until(lambda: network.streams() == 4)

        def newcomer() -> tuple[str, int]:
            connection = held.enter_context(caller(network.net.port))
            before = len(network.broken)
            network.until(lambda: len(network.broken) > before)
            connection.sendall(request(100))
            network.delivered(len(network.received) + 1)
            return network.broken[-1][0].remote

        assert newcomer() == stranger.getsockname()
        assert newcomer() == known[2].getsockname()  # known[1] is in use, known[0] spoke later
        assert newcomer() == known[0].getsockname()
        assert network.streams() == 4


def test_connections_leave_descriptors_for_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    soft = streams.RESERVED + 20
    monkeypatch.setattr(streams.resource, "getrlimit", lambda _kind: (soft, soft))
    with watched() as network, ExitStack() as held:
        for number in range(25):
            held.enter_context(caller(network.net.port)).sendall(request(number))
            network.delivered(number + 1)
        assert network.streams() == 20


def test_no_connection_that_is_needed_makes_room(
    monkeypatch: pytest.MonkeyPatch, phone: socket.socket
) -> None:
    monkeypatch.setattr(streams, "MOST", 1)
    with watched() as network, caller(network.net.port) as needed:
        needed.sendall(request())
        network.in_use.add(network.delivered(1)[0][1])
        with pytest.raises(NetworkError, match="1 are in use"):
            network.net.flow("TCP", *phone.getsockname())
        with caller(network.net.port) as refused:
            network.until(lambda: _ended(refused))
        assert network.broken == []


def test_one_source_has_a_bounded_number_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_PER_SOURCE", 3)
    with watched() as network, ExitStack() as held:
        connections = [held.enter_context(caller(network.net.port)) for _ in range(3)]
        network.until(lambda: network.streams() == 3)
        one_more = held.enter_context(caller(network.net.port))
        network.until(lambda: _ended(one_more))
        assert network.streams() == 3
        connections.pop().close()
        network.problem()
        held.enter_context(caller(network.net.port))
        network.until(lambda: network.streams() == 3)


def test_without_descriptors_the_door_rests_instead_of_spinning(
    network: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    class Exhausted:
        def accept(self) -> None:
            nonlocal tries
            tries += 1
            raise OSError(errno.EMFILE, "Too many open files")

        def fileno(self) -> int:
            return actual.fileno()

    (door,) = (
        handler.__self__
        for handler in network.net._poller._handlers.values()
        if isinstance(handler.__self__, doors.Door)
    )
    actual = door._socket
    network.net.pump(0)  # housekeeping is done for now
    monkeypatch.setattr(door, "_socket", Exhausted())
    with caller(network.net.port) as connection:
        until = time.monotonic() + PATIENCE_S
        while not tries and time.monotonic() < until:
            network.net.pump(0.01)
        for _ in range(50):
            network.net.pump(0)
        assert tries == 1
        monkeypatch.setattr(door, "_socket", actual)
        connection.sendall(request())
        network.clock.jump(1)
        network.delivered(1)


def test_a_message_may_end_another_connection_of_the_same_turn(network: Watched) -> None:
    with caller(network.net.port) as first, caller(network.net.port) as second:
        first.sendall(request(1))
        second.sendall(request(2))
        network.delivered(2)
        flows = {flow for _, flow in network.received}

        def overfill_the_other(_message: object, flow: Flow) -> None:
            for other in flows - {flow}:
                other.send(b"x" * (QUEUE + 1))

        network.react = overfill_the_other
        first.sendall(request(3))
        second.sendall(request(4))
        network.problem()
        assert len(network.received) == 3
        assert network.streams() == 1


def test_no_descriptor_is_left_behind(phone: socket.socket) -> None:
    before = descriptors()
    with watched() as network:
        for number in range(1, 11):
            with caller(network.net.port) as good, caller(network.net.port) as bad:
                good.sendall(request(number))
                bad.sendall(b"garbage\r\n\r\n")
                network.delivered(number)
        network.net.flow("TCP", *phone.getsockname()).send(request())
        network.net.flow("TCP", "127.0.0.1", _closed_port()).send(request())
        network.until(lambda: network.streams() == 1)
    assert descriptors() == before


def test_a_vanished_network_swallows_what_is_sent(phone: socket.socket) -> None:
    with watched() as network:
        flow = network.net.flow("TCP", *phone.getsockname())
    assert not flow.alive
    flow.send(request())


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _read(connection: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        chunk = connection.recv(size - len(got))
        assert chunk
        got += chunk
    return got


def _peek(connection: socket.socket) -> bytes:
    """What has come and is not read; empty also when the far end has closed."""
    connection.setblocking(False)
    try:
        return connection.recv(65536, socket.MSG_PEEK)
    except BlockingIOError:
        return b""
    finally:
        connection.settimeout(PATIENCE_S)


def _ended(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    finally:
        connection.settimeout(PATIENCE_S)

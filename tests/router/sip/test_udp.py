"""SIP over UDP on loopback."""

from __future__ import annotations

import errno
import random
import socket
import time
from collections.abc import Iterator

import pytest

from router.sip import icmp, udp
from router.sip.flows import Flow
from router.sip.udp import UdpDoor
from tests.router.sip.turns import Watched, descriptors, has_ipv6, request, watched


@pytest.fixture
def network() -> Iterator[Watched]:
    with watched() as network:
        yield network


@pytest.fixture
def phone() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(10)
        phone.bind(("127.0.0.1", 0))
        yield phone


def test_a_datagram_is_delivered_as_it_came_and_answered_to_its_sender(
    network: Watched, phone: socket.socket
) -> None:
    phone.sendto(request(1, b"\x00\xff"), ("127.0.0.1", network.net.port))
    ((data, flow),) = network.delivered(1)
    assert data == request(1, b"\x00\xff")
    assert flow.remote == phone.getsockname()
    flow.send(b"SIP/2.0 200 OK\r\n\r\n")
    assert phone.recvfrom(4096) == (b"SIP/2.0 200 OK\r\n\r\n", ("127.0.0.1", network.net.port))


def test_a_flow_says_how_we_are_reached(network: Watched) -> None:
    flow = network.net.flow("udp", "127.0.0.2", 5070)
    assert (flow.transport, flow.reliable, flow.alive) == ("UDP", False, True)
    assert flow.remote == ("127.0.0.2", 5070)
    assert flow.local == ("127.0.0.1", network.net.port)


def test_flows_to_one_far_end_are_equal_even_after_it_was_forgotten(
    network: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(udp, "_REMEMBERED", 2)
    first = network.net.flow("UDP", "127.0.0.1", 5070)
    for port in range(5071, 5080):
        network.net.flow("UDP", "127.0.0.1", port)
    again = network.net.flow("UDP", "127.0.0.1", 5070)
    assert again is not first
    assert again == first
    assert {first: "found"}[again] == "found"
    assert network.net.flow("UDP", "127.0.0.1", 5071) != first


def test_forged_sources_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "_REMEMBERED", 10)
    door = UdpDoor(socket.AF_INET, "127.0.0.1", 0, received=_ignore, broken=_ignore)
    try:
        for port in range(1, 1000):
            door.flow("127.0.0.1", port)
        assert len(door._flows) <= 10
    finally:
        door.close()


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"\r\n\r\n",
        b"\x00\x00\x00\x00",
        b"jaK\x00",
        b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12),
        b"\x80" + bytes(171),
        b"\xff\xfe" * 20,
    ],
)
def test_what_cannot_be_sip_is_counted_and_not_delivered(
    network: Watched, phone: socket.socket, noise: bytes
) -> None:
    phone.sendto(noise, ("127.0.0.1", network.net.port))
    phone.sendto(request(), ("127.0.0.1", network.net.port))
    network.delivered(1)
    assert [data for data, _ in network.received] == [request()]
    assert _counts(network)["odd"] == 1


def test_line_breaks_before_a_message_are_taken_off(network: Watched, phone: socket.socket) -> None:
    phone.sendto(b"\r\n\r\n" + request(), ("127.0.0.1", network.net.port))
    assert network.delivered(1)[0][0] == request()


def test_the_largest_datagram_is_delivered_whole(network: Watched, phone: socket.socket) -> None:
    large = request(1, b"x" * (65507 - len(request(1)) - 4))
    assert 65500 <= len(large) <= 65507
    phone.sendto(large, ("127.0.0.1", network.net.port))
    assert network.delivered(1)[0][0] == large


def test_a_turn_delivers_a_bounded_number_and_the_next_turns_the_rest(
    network: Watched, phone: socket.socket
) -> None:
    for number in range(udp.A_TURN + 5):
        phone.sendto(request(number), ("127.0.0.1", network.net.port))
    turns = [network.net.pump(5)]
    while sum(turns) < udp.A_TURN + 5:
        turns.append(network.net.pump(5))
    assert turns == [1, 4, 16, 48]
    assert [data for data, _ in network.received] == [request(n) for n in range(udp.A_TURN + 5)]


def test_however_many_wait_a_turn_ends(network: Watched, phone: socket.socket) -> None:
    for number in range(300):
        phone.sendto(request(number), ("127.0.0.1", network.net.port))
    turns = [network.net.pump(5) for _ in range(6)]
    assert turns == [1, 4, 16, udp.A_TURN, udp.A_TURN, udp.A_TURN]


def test_a_closed_port_at_the_far_end_is_told_and_neither_raises_nor_stops_the_reading(
    network: Watched, phone: socket.socket
) -> None:
    dead = network.net.flow("UDP", "127.0.0.1", _closed_port())
    for number in range(5):
        dead.send(request(number))
        phone.sendto(request(number), ("127.0.0.1", network.net.port))
    network.delivered(5)
    assert network.problem() == "Connection refused"
    assert {flow for flow, _ in network.broken} == {dead}


def test_what_one_far_end_refuses_does_not_cost_another_one_its_message(
    network: Watched, phone: socket.socket
) -> None:
    dead = network.net.flow("UDP", "127.0.0.1", _closed_port())
    alive = network.net.flow("UDP", *phone.getsockname())
    for number in range(20):
        dead.send(request(number))
        alive.send(request(number))
        assert phone.recv(4096) == request(number)
    network.problem()
    assert {flow for flow, _ in network.broken} == {dead}
    assert _counts(network)["unsent"] == 0


def test_a_report_is_heard_even_when_its_error_was_taken_by_another_call(network: Watched) -> None:
    dead = network.net.flow("UDP", "127.0.0.1", _closed_port())
    dead.send(request())
    next(iter(network.net._udp.values()))._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    assert network.problem() == "Connection refused"


def test_a_quiet_network_hears_a_report_and_then_rests(network: Watched) -> None:
    network.net.flow("UDP", "127.0.0.1", _closed_port()).send(request())
    network.problem()
    turns = 0
    until = time.monotonic() + 0.1
    while time.monotonic() < until:
        network.net.pump(0.05)
        turns += 1
    assert turns < 10


@has_ipv6
def test_a_closed_port_is_told_over_ipv6() -> None:
    with watched("::1") as network, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as gone:
        gone.bind(("::1", 0))
        dead = network.net.flow("UDP", *gone.getsockname()[:2])
        gone.close()
        dead.send(request())
        assert network.problem() == "Connection refused"


@pytest.mark.parametrize("quote", [b"", request(1)[: icmp.ENOUGH - 1], request(2)[:300], request(1) + b"x"])
def test_a_report_that_does_not_quote_what_we_sent_last_is_not_believed(
    network: Watched, monkeypatch: pytest.MonkeyPatch, quote: bytes
) -> None:
    flow = network.net.flow("UDP", "127.0.0.1", _closed_port())
    waiting = [icmp.Unreached(flow.remote, quote, errno.ECONNREFUSED)]
    monkeypatch.setattr(icmp, "reports", lambda _door: [waiting.pop()] if waiting else [])
    flow.send(request(1))
    network.until(lambda: not waiting)
    network.net.pump(0)
    assert network.broken == []


def test_a_pending_error_on_the_socket_does_not_end_the_reading(phone: socket.socket) -> None:
    got: list[bytes] = []
    door = UdpDoor(socket.AF_INET, "127.0.0.1", 0, received=lambda data, _: got.append(data), broken=_ignore)
    try:
        phone.sendto(request(), ("127.0.0.1", door.port))
        reads = iter([OSError(errno.ECONNREFUSED, "refused"), OSError(errno.EHOSTUNREACH, "unreachable")])
        actual = door._recvfrom

        def failing(size: int) -> object:
            error = next(reads, None)
            if error is not None:
                raise error
            return actual(size)

        door._recvfrom = failing
        assert door.ready(1) == 1
        assert got == [request()]
    finally:
        door.close()


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ECONNREFUSED, False),
        (errno.EAGAIN, False),
        (errno.EPERM, False),
        (errno.ENOBUFS, False),
        (errno.EMSGSIZE, False),
        (errno.EHOSTUNREACH, True),
        (errno.ENETUNREACH, True),
        (errno.EINVAL, True),
    ],
)
def test_what_cannot_be_sent_is_counted_and_told_if_it_will_last(number: int, *, told: bool) -> None:
    broken: list[Flow] = []
    door = UdpDoor(
        socket.AF_INET, "127.0.0.1", 0, received=_ignore, broken=lambda flow, _: broken.append(flow)
    )

    def failing(_data: bytes, _address: object) -> int:
        raise OSError(number, "no")

    try:
        door.sendto = failing
        flow = door.flow("127.0.0.1", 5070)
        flow.send(request())
        assert broken == ([flow] if told else [])
        assert door.facts()["unsent"] == 1
    finally:
        door.close()


def test_a_far_end_that_cannot_be_reached_is_told_from_the_next_turn_not_from_send(network: Watched) -> None:
    flow = network.net.flow("UDP", "255.255.255.255", 5070)  # the kernel refuses: no broadcasts are sent
    flow.send(request())
    assert network.broken == []
    network.problem()
    assert network.broken[0][0] == flow


def test_a_message_too_large_for_udp_breaks_nothing_else(network: Watched) -> None:
    network.net.flow("UDP", "127.0.0.1", 5070).send(b"x" * 70_000)
    network.net.pump(0)
    assert network.broken == []
    assert _counts(network)["unsent"] == 1


def test_random_bytes_harm_nothing(network: Watched, phone: socket.socket) -> None:
    rng = random.Random(20261122)
    for _ in range(500):
        phone.sendto(rng.randbytes(rng.randrange(0, 600)), ("127.0.0.1", network.net.port))
        network.net.pump(0)
    phone.sendto(request(), ("127.0.0.1", network.net.port))
    network.until(lambda: network.received and network.received[-1][0] == request())


def test_the_kernel_counts_what_nobody_read_in_time(network: Watched, phone: socket.socket) -> None:
    door = next(iter(network.net._udp.values()))
    door._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(50):
        phone.sendto(request(1, b"x" * 1000), ("127.0.0.1", network.net.port))
    assert _counts(network)["lost"] > 0


def test_closing_gives_every_descriptor_back() -> None:
    before = descriptors()
    for _ in range(5):
        with watched() as network:
            network.net.flow("UDP", "127.0.0.1", 5070).send(request())
    assert descriptors() == before


def test_a_flow_of_a_closed_network_swallows_what_is_sent() -> None:
    with watched() as network:
        flow = network.net.flow("UDP", "127.0.0.1", 5070)
    flow.send(request())


def _closed_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        return int(gone.getsockname()[1])


def _counts(network: Watched) -> dict[str, int]:
    facts = network.net.facts()["udp"]
    assert isinstance(facts, dict)
    return facts


def _ignore(_first: object, _second: object) -> None:
    pass

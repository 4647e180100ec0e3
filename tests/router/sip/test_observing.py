"""Who looks at the traffic sees all of it, and nobody else is disturbed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from router.sip.flows import Flow
from router.sip.message import parse
from router.sip.udp import UdpFlow
from tests.router.sip.certificates import Authority
from tests.router.sip.turns import Watched, request, watched


class Onlooker:
    """Fulfils `router.sip.flows.Observer`."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str, bytes]] = []

    def came(self, data: bytes, flow: Flow) -> None:
        self.seen.append(("came", flow.transport, f"{flow.remote[0]}:{flow.remote[1]}", data))

    def went(self, data: bytes, flow: Flow) -> None:
        self.seen.append(("went", flow.transport, f"{flow.remote[0]}:{flow.remote[1]}", data))

    @property
    def ids(self) -> list[tuple[str, str]]:
        return [(way, parse(data).call_id) for way, _, _, data in self.seen]


class Two:
    """Networks that talk with each other."""

    def __init__(self, running: ExitStack, folder: Path) -> None:
        files = Authority(folder).issue("router", "IP:127.0.0.1")
        self.near, self.far = (running.enter_context(watched(tls=files)) for _ in range(2))

    def flow(self, transport: str) -> Flow:
        net = self.far.net
        return self.near.net.flow(transport, "127.0.0.1", net.tls_port if transport == "TLS" else net.port)

    def until(self, network: Watched, count: int) -> None:
        def delivered() -> bool:
            for each in (self.near, self.far):
                each.net.pump(0.001)
            return len(network.received) >= count

        network.until(delivered)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with ExitStack() as running:
        yield Two(running, tmp_path)


@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
def test_every_message_is_seen_on_its_way_out_and_in(two: Two, transport: str) -> None:
    two.far.react = lambda _message, flow: flow.send(request(2))
    near, far = Onlooker(), Onlooker()
    two.near.net.observe(near)
    two.far.net.observe(far)
    two.flow(transport).send(request(1))
    two.until(two.near, 1)
    assert near.ids == [("went", "1"), ("came", "2")]
    assert far.ids == [("came", "1"), ("went", "2")]
    assert {kind for _, kind, _, _ in (*near.seen, *far.seen)} == {transport}
    assert near.seen[0][2] == f"127.0.0.1:{two.flow(transport).remote[1]}"
    assert near.seen[0][3] == request(1)


FOLDED = (
    b"MESSAGE sip:a@h SIP/2.0\nv:SIP/2.0/TCP h;branch=z9hG4bK1\nf: <sip:a@h>;\n tag=1\nt: <sip:b@h>\n"
    b"i: f\nCSEQ: 1 MESSAGE\nl: 2\n\nhi"
)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_message_is_seen_as_it_came(two: Two, transport: str) -> None:
    onlooker = Onlooker()
    flow = two.flow(transport)
    flow.send(FOLDED[:-5] if transport == "TCP" else FOLDED)
    for _ in range(20):
        two.near.net.pump(0.001)
        two.far.net.pump(0.001)
    two.far.net.observe(onlooker)
    if transport == "TCP":
        flow.send(FOLDED[-5:] + FOLDED + request(3))
    else:
        flow.send(FOLDED)
    two.until(two.far, 3 if transport == "TCP" else 2)
    seen = [data for _, _, _, data in onlooker.seen]
    assert seen == ([FOLDED, FOLDED, request(3)] if transport == "TCP" else [FOLDED])


@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
def test_who_looks_no_more_sees_nothing_and_messages_pass(two: Two, transport: str) -> None:
    onlooker = Onlooker()
    flow = two.flow(transport)
    for number, observer in enumerate((onlooker, None, onlooker, None), 1):
        two.far.net.observe(observer)
        flow.send(request(number))
        two.until(two.far, number)
    assert onlooker.ids == [("came", "1"), ("came", "3")]


def test_a_flow_that_is_in_use_is_seen_too(two: Two) -> None:
    flow = two.flow("UDP")
    flow.send(request(1))
    onlooker = Onlooker()
    two.near.net.observe(onlooker)
    flow.send(request(2))
    assert onlooker.ids == [("went", "2")]


def test_while_nobody_looks_datagrams_go_straight_to_the_socket(two: Two) -> None:
    flow = two.flow("UDP")
    assert isinstance(flow, UdpFlow)
    bare = flow._door.sendto
    two.near.net.observe(Onlooker())
    assert flow._door.sendto != bare
    two.near.net.observe(None)
    assert flow._door.sendto == bare == flow._door._socket.sendto


def test_what_cannot_be_sent_is_not_seen_as_sent(two: Two) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    onlooker = Onlooker()
    two.near.net.observe(onlooker)
    two.near.net.flow("UDP", "127.0.0.1", port).send(b"x" * 65_508)  # more than a datagram can be
    assert onlooker.seen == []

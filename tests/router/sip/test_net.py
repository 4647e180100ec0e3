"""The network as a whole: its ports, its addresses, its turns."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from router.sip import net, routes
from router.sip.flows import Flow
from router.sip.net import Network, NetworkError
from router.sip.routes import Routes
from tests.router.sip.certificates import Authority
from tests.router.sip.turns import PATIENCE_S, descriptors, has_ipv6, request, watched


def _ignore(_first: object, _second: object) -> None:
    pass


def _network(listen: str, port: int) -> Network:
    return Network(listen, port, received=_ignore, broken=_ignore)


def test_udp_and_tcp_share_a_port() -> None:
    with watched() as network:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(request(1), ("127.0.0.1", network.net.port))
            with socket.create_connection(("127.0.0.1", network.net.port)) as tcp:
                tcp.sendall(request(2))
                network.delivered(2)
        assert {flow.transport for _, flow in network.received} == {"UDP", "TCP"}


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_in_use_is_refused_by_the_name_of_its_setting(kind: socket.SocketKind) -> None:
    before = descriptors()
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        with pytest.raises(NetworkError, match=f"sip_port {port} .*in use") as refusal:
            _network("127.0.0.1", port)
        assert "sip_port" in refusal.value.hint
    assert descriptors() == before


def test_a_tls_port_in_use_is_refused_by_the_name_of_its_setting(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("router", "IP:127.0.0.1")
    before = descriptors()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(NetworkError, match=f"tls_port {port} .*in use"):
            Network("127.0.0.1", 0, tls=files, tls_port=port, received=_ignore, broken=_ignore)
    assert descriptors() == before


def test_an_address_of_another_machine_is_refused_by_name() -> None:
    with pytest.raises(NetworkError, match=r"listen 192\.0\.2\.1 is no address of this machine"):
        _network("192.0.2.1", 0)


def test_a_restarted_network_has_its_port_at_once() -> None:
    with watched() as network:
        port = network.net.port
        tcp = socket.create_connection(("127.0.0.1", port))
        tcp.sendall(request())
        network.delivered(1)
    with tcp:  # we have closed first: the kernel keeps the connection for a minute
        assert tcp.recv(1) == b""
    _network("127.0.0.1", port).close()


def test_a_free_port_is_one_that_udp_and_tcp_both_have(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    actual = net.Door

    def fussy(*where: object, **how: object) -> object:
        if len(taken) < 3:
            taken.append(1)
            raise NetworkError("in use")
        return actual(*where, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(net, "Door", fussy)
    before = descriptors()
    network = _network("127.0.0.1", 0)
    network.close()
    assert len(taken) == 3
    assert descriptors() == before


@pytest.mark.parametrize(
    ("transport", "host", "port"),
    [
        ("UDP", "pbx.example", 5060),
        ("UDP", "localhost", 5060),
        ("TCP", "127.1", 5060),
        ("UDP", "", 5060),
        ("UDP", "127.0.0.1\r\n", 5060),
        ("UDP", "127.0.0.1", 0),
        ("TCP", "127.0.0.1", 65536),
        ("TCP", "127.0.0.1", -1),
        ("SCTP", "127.0.0.1", 5060),
        ("", "127.0.0.1", 5060),
        ("UDP", "::1", 5060),
        ("TCP", "::1", 5060),
    ],
)
def test_what_is_no_address_to_send_to_is_refused(transport: str, host: str, port: int) -> None:
    with watched() as network, pytest.raises(NetworkError):
        network.net.flow(transport, host, port)


def test_ipv4_written_as_ipv6_is_ipv4() -> None:
    with watched() as network:
        assert network.net.flow("UDP", "[::ffff:127.0.0.2]", 5060).remote == ("127.0.0.2", 5060)


@has_ipv6
@pytest.mark.parametrize("listen", ["::1", "::"])
def test_ipv6_is_served_over_udp_and_tcp(listen: str) -> None:
    with watched(listen) as network:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
            udp.bind(("::1", 0))
            udp.settimeout(PATIENCE_S)
            udp.sendto(request(1), ("::1", network.net.port))
            flow = network.delivered(1)[0][1]
            assert (flow.remote, flow.local) == (udp.getsockname()[:2], ("::1", network.net.port))
            assert network.net.flow("UDP", "[::1]", flow.remote[1]) == flow
            flow.send(request(2))
            assert udp.recv(4096) == request(2)
        with socket.create_connection(("::1", network.net.port)) as tcp:
            tcp.sendall(request(3))
            stream = network.delivered(2)[1][1]
            assert stream.remote == tcp.getsockname()[:2]
            assert stream.local == ("::1", network.net.port)


@has_ipv6
def test_the_ipv6_wildcard_serves_ipv4_on_the_same_port_under_its_own_addresses() -> None:
    with watched("::") as network, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(request(), ("127.0.0.1", network.net.port))
        flow = network.delivered(1)[0][1]
        assert flow.remote[0] == "127.0.0.1"
        assert flow.local == ("127.0.0.1", network.net.port)


def test_our_connections_come_from_the_address_we_listen_on() -> None:
    with watched("127.0.0.2") as network, socket.create_server(("127.0.0.1", 0)) as phone:
        flow = network.net.flow("TCP", *phone.getsockname())
        connection, source = phone.accept()
        connection.close()
        assert source[0] == "127.0.0.2"
        assert flow.local == ("127.0.0.2", network.net.port)


def test_on_a_wildcard_our_address_is_the_one_on_the_way() -> None:
    with watched("0.0.0.0") as network:
        assert network.net.flow("UDP", "127.0.0.3", 5060).local == ("127.0.0.1", network.net.port)


def test_ways_are_looked_up_once_and_again_when_they_may_have_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def looked_up(_family: socket.AddressFamily, host: str) -> str:
        asked.append(host)
        return "127.0.0.9"

    monkeypatch.setattr(routes, "_source", looked_up)
    with watched("0.0.0.0") as network:
        network.net.pump(0)
        for _ in range(3):
            assert network.net.flow("UDP", "127.0.0.3", 5060).local[0] == "127.0.0.9"
        assert asked == ["127.0.0.3"]
        network.clock.jump(61)
        network.net.pump(0)
        assert network.net.flow("UDP", "127.0.0.3", 5060).local[0] == "127.0.0.9"
        assert len(asked) == 2


def test_ways_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_source", lambda _family, _host: "127.0.0.1")
    known = Routes(socket.AF_INET, "0.0.0.0")
    for number in range(5000):
        known.towards(f"10.0.{number // 256}.{number % 256}")
    assert len(known._known) <= 1000


def test_a_place_without_a_way_is_seen_from_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoWay(socket.socket):
        def connect(self, address: object) -> None:
            raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(routes.socket, "socket", NoWay)
    assert Routes(socket.AF_INET, "0.0.0.0").towards("10.0.0.1") == "127.0.0.1"


def test_a_turn_with_nothing_to_do_waits_and_ends_early_when_something_comes() -> None:
    with watched() as network, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        network.net.pump(0)
        began = time.monotonic()
        assert network.net.pump(0.05) == 0
        assert time.monotonic() - began >= 0.045
        late = threading.Timer(0.02, udp.sendto, (request(), ("127.0.0.1", network.net.port)))
        late.start()
        try:
            network.delivered(1)
        finally:
            late.join()


def test_what_broke_is_told_at_the_end_of_the_turn_and_what_that_breaks_in_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []

    def received(_data: bytes, _flow: Flow) -> None:
        order.append("received")
        network.flow("UDP", "255.255.255.255", 5070).send(request())
        order.append("sent")

    def broken(flow: Flow, _problem: str) -> None:
        order.append("broken")
        flow.send(request())

    network = Network("127.0.0.1", 0, received=received, broken=broken)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(request(), ("127.0.0.1", network.port))
            assert network.pump(PATIENCE_S) == 1
            assert order == ["received", "sent", "broken"]
            turn, waits = network._poller.turn, []
            monkeypatch.setattr(network._poller, "turn", lambda wait: (waits.append(wait), turn(wait))[1])
            network.pump(PATIENCE_S)
            assert order == ["received", "sent", "broken", "broken"]
            assert waits == [0]  # what there is to tell does not wait for the network
    finally:
        network.close()

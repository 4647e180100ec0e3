"""SIP over TLS on loopback."""

from __future__ import annotations

import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from router.sip.net import NetworkError, TlsFiles
from router.sip.stream import CONNECT_S, HANDSHAKE_S, QUEUE
from tests.router.sip.certificates import Authority, openssl
from tests.router.sip.turns import PATIENCE_S, Watched, caller, descriptors, request, watched


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def ours(authority: Authority) -> TlsFiles:
    return authority.issue("router", "IP:127.0.0.1")


@pytest.fixture
def network(ours: TlsFiles) -> Iterator[Watched]:
    with watched(tls=ours) as network:
        yield network


def _client(authority: Authority, files: TlsFiles | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if files is not None:
        context.load_cert_chain(files.certificate, files.key)
    return context


class Phone:
    """A TLS client that needs no thread: its handshake and reading take turns with the network's."""

    def __init__(self, context: ssl.SSLContext, connection: socket.socket, network: Watched) -> None:
        connection.setblocking(False)
        self._network = network
        self.tls = context.wrap_socket(connection, server_hostname="127.0.0.1", do_handshake_on_connect=False)

    def shake(self) -> None:
        def shaken() -> bool:
            try:
                self.tls.do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            return True

        self._network.until(shaken)

    def send(self, data: bytes) -> None:
        assert self.tls.send(data) == len(data)

    def receive(self, size: int) -> bytes:
        got = bytearray()

        def enough() -> bool:
            try:
                while chunk := self.tls.recv(65536):
                    got.extend(chunk)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return len(got) >= size
            pytest.fail("closed")

        self._network.until(enough)
        return bytes(got)


@contextmanager
def _phone(network: Watched, context: ssl.SSLContext) -> Iterator[Phone]:
    with caller(network.net.tls_port) as connection:
        phone = Phone(context, connection, network)
        with phone.tls:
            phone.shake()
            yield phone


def test_a_message_over_tls_comes_parsed_and_is_answered_over_it(
    network: Watched, authority: Authority
) -> None:
    with _phone(network, _client(authority)) as phone:
        phone.send(request(7, b"body"))
        ((message, flow),) = network.delivered(1)
        assert (message.call_id, message.body) == ("7", b"body")
        assert (flow.transport, flow.reliable) == ("TLS", True)
        assert flow.local == ("127.0.0.1", network.net.tls_port)
        flow.send(b"answer")
        assert phone.receive(6) == b"answer"
        assert network.net.flow("TLS", *flow.remote) is flow


def test_a_flow_made_by_us_shakes_hands_in_the_background_and_carries_both_ways(
    network: Watched, ours: TlsFiles
) -> None:
    with watched(tls=ours) as other:
        flow = network.net.flow("tls", "127.0.0.1", other.net.tls_port)
        flow.send(request(1))
        _both_until(network, other, lambda: other.received)
        back = other.received[0][1]
        assert back.remote[0] == "127.0.0.1"
        back.send(request(2))
        _both_until(network, other, lambda: network.received)
        assert network.received[0][1] is flow
        assert flow.local == ("127.0.0.1", network.net.tls_port)


def test_much_data_arrives_whole_both_ways(network: Watched, authority: Authority) -> None:
    rng = random.Random(3)
    with _phone(network, _client(authority)) as phone:
        bodies = [rng.randbytes(rng.randrange(1, 40_000)) for _ in range(20)]
        for number, body in enumerate(bodies):
            data = request(number, body)
            while data:
                try:
                    data = data[phone.tls.send(data) :]
                except ssl.SSLWantWriteError:
                    network.net.pump(0.01)
        network.delivered(len(bodies))
        assert [message.body for message, _ in network.received] == bodies
        flow = network.received[0][1]
        answer = rng.randbytes(900_000)
        for start in range(0, len(answer), 7000):
            flow.send(answer[start : start + 7000])
        assert phone.receive(len(answer)) == answer


def test_a_far_end_that_never_reads_is_given_up(network: Watched, authority: Authority) -> None:
    with _phone(network, _client(authority)) as phone:
        phone.send(request())
        flow = network.delivered(1)[0][1]
        sent = 0
        while flow.alive:
            flow.send(b"x" * 10_000)
            sent += 10_000
            assert sent < 64 * QUEUE
        assert "does not read" in network.problem()


def test_who_does_not_shake_hands_is_given_up_in_time(network: Watched) -> None:
    with caller(network.net.tls_port):
        network.until(lambda: network.streams() == 1)
        network.clock.jump(HANDSHAKE_S + 0.1)
        assert network.problem() == "no TLS handshake in time"
        assert network.streams() == 0


def test_a_far_end_that_takes_the_connection_and_says_nothing_is_given_up_in_time(network: Watched) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        flow = network.net.flow("TLS", *mute.getsockname())
        with mute.accept()[0] as connection:
            connection.settimeout(PATIENCE_S)
            network.until(lambda: network.net.pump(0) == 0)
            assert connection.recv(1) == b"\x16"  # its ClientHello: the connection itself stands
            network.clock.jump((CONNECT_S + HANDSHAKE_S) / 2)
            network.net.pump(0)
            assert flow.alive
            network.clock.jump(HANDSHAKE_S - CONNECT_S)
            assert network.problem() == "no TLS handshake in time"
            assert not flow.alive


def test_plain_sip_and_random_bytes_at_the_tls_port_end_their_connection_alone(
    network: Watched, authority: Authority
) -> None:
    rng = random.Random(20261122)
    with _phone(network, _client(authority)) as phone:
        for number in range(20):
            with caller(network.net.tls_port) as connection:
                connection.sendall(rng.randbytes(rng.randrange(20, 2000)) if number else request())
                network.problem()
                network.broken.clear()
        phone.send(request(5))
        assert network.delivered(1)[0][0].call_id == "5"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
def test_tls_below_1_2_is_refused(network: Watched, authority: Authority) -> None:
    context = _client(authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with caller(network.net.tls_port) as connection:
        phone = Phone(context, connection, network)
        with phone.tls, pytest.raises(ssl.SSLError):
            phone.shake()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_taken(network: Watched, authority: Authority, version: ssl.TLSVersion) -> None:
    context = _client(authority)
    context.minimum_version = context.maximum_version = version
    with _phone(network, context) as phone:
        phone.send(request())
        network.delivered(1)


def test_with_a_ca_the_far_end_must_prove_its_name(authority: Authority, ours: TlsFiles) -> None:
    pbx = authority.issue("pbx", "DNS:pbx.example")
    careful = replace(ours, ca=authority.certificate)
    with watched(tls=pbx) as other, watched(tls=careful) as network:
        named = network.net.flow("TLS", "127.0.0.1", other.net.tls_port, name="pbx.example")
        unnamed = network.net.flow("TLS", "127.0.0.1", other.net.tls_port)
        assert unnamed is not named
        named.send(request(1))
        unnamed.send(request(2))
        _both_until(network, other, lambda: other.received and network.broken)
        assert [message.call_id for message, _ in other.received] == ["1"]
        assert network.broken[0][0] is unnamed
        assert "certificate" in network.broken[0][1].lower()
        assert named.alive


def test_with_a_ca_one_who_connected_is_not_taken_for_one_who_proved_his_name(
    authority: Authority, ours: TlsFiles
) -> None:
    careful = replace(ours, ca=authority.certificate)
    with watched(tls=careful) as network, _phone(network, _client(authority)) as phone:
        phone.send(request())
        flow = network.delivered(1)[0][1]
        assert network.net.flow("TLS", *flow.remote) is not flow


def test_with_a_ca_a_far_end_that_vouches_for_itself_is_refused(
    authority: Authority, ours: TlsFiles, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path).issue("stranger", "IP:127.0.0.1")
    with watched(tls=stranger) as other, watched(tls=replace(ours, ca=authority.certificate)) as network:
        network.net.flow("TLS", "127.0.0.1", other.net.tls_port).send(request())
        _both_until(network, other, lambda: network.broken)
        assert "certificate" in network.broken[0][1].lower()
        assert other.received == []


def test_clients_show_a_certificate_when_it_is_asked_for(authority: Authority, ours: TlsFiles) -> None:
    strict = replace(ours, ca=authority.certificate, verify_clients=True)
    with watched(tls=strict) as network:
        with _phone(network, _client(authority, authority.issue("phone", "IP:127.0.0.2"))) as phone:
            phone.send(request(1))
            network.delivered(1)
        network.until(lambda: network.broken)
        network.broken.clear()
        with caller(network.net.tls_port) as connection:
            nameless = Phone(_client(authority), connection, network)
            with nameless.tls:
                nameless.shake()  # TLS 1.3: the client is done before the server has looked
                assert "certificate" in network.problem().lower()


def test_without_a_certificate_there_is_no_tls(ours: TlsFiles) -> None:
    with watched() as network:
        assert network.net.tls_port == 0
        with pytest.raises(NetworkError, match="no TLS without a certificate"):
            network.net.flow("TLS", "127.0.0.1", 5061)
        with pytest.raises(NetworkError, match="not served"):
            network.net.renew(ours)


def test_files_that_cannot_be_used_are_named(authority: Authority, ours: TlsFiles, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no PEM")
    other = authority.issue("other", "IP:127.0.0.1")
    for files, named in (
        (replace(ours, certificate=tmp_path / "gone.pem"), "gone.pem"),
        (replace(ours, certificate=garbage), "garbage.pem"),
        (replace(ours, key=other.key), "other.key"),
        (replace(ours, ca=tmp_path / "no-ca.pem"), "no-ca.pem"),
        (replace(ours, verify_clients=True), "CA"),
    ):
        with pytest.raises(NetworkError, match=named) as refusal, watched(tls=files):
            pass
        assert refusal.value.hint


def test_a_renewed_certificate_is_shown_to_the_next_and_a_bad_one_changes_nothing(
    network: Watched, authority: Authority, ours: TlsFiles, tmp_path: Path
) -> None:
    def shown() -> bytes | None:
        with _phone(network, _client(authority)) as phone:
            return phone.tls.getpeercert(binary_form=True)

    with _phone(network, _client(authority)) as before:
        first = shown()
        network.net.renew(authority.issue("renewed", "IP:127.0.0.1"))
        second = shown()
        assert second != first
        with pytest.raises(NetworkError):
            network.net.renew(replace(ours, certificate=tmp_path / "gone.pem"))
        assert shown() == second
        before.send(request())
        network.delivered(1)


def test_a_key_with_a_passphrase_is_refused_without_asking_at_the_terminal(
    ours: TlsFiles, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.key"
    openssl("ec", "-aes128", "-passout", "pass:secret", "-in", str(ours.key), "-out", str(locked))
    outcome: list[str] = []

    def start() -> None:
        try:
            with watched(tls=replace(ours, key=locked)):
                outcome.append("served")
        except NetworkError as exc:
            outcome.append(str(exc))

    starting = threading.Thread(target=start, daemon=True)
    starting.start()
    starting.join(PATIENCE_S)
    assert outcome
    assert "locked.key" in outcome[0]


def test_no_descriptor_is_left_behind(ours: TlsFiles, authority: Authority) -> None:
    before = descriptors()
    with watched(tls=ours) as network:
        for number in range(1, 6):
            with _phone(network, _client(authority)) as phone, caller(network.net.tls_port) as rude:
                phone.send(request(number))
                rude.sendall(b"garbage garbage garbage")
                network.delivered(number)
        network.until(lambda: network.streams() == 0)
        with caller(network.net.tls_port):
            network.until(lambda: network.streams() == 1)
            network.net.flow("TLS", "127.0.0.1", network.net.tls_port).send(request())
            network.until(lambda: network.streams() == 3)
    assert descriptors() == before


def _both_until(one: Watched, other: Watched, condition: Callable[[], object]) -> None:
    def turned() -> object:
        other.net.pump(0)
        return condition()

    one.until(turned)

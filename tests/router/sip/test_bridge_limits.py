"""Capacity, start, stop and transports."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.sip.bridge import bridged, dialled, offered
from tests.sip.engine import HOST, Engine, engine, free_port, start
from tests.sip.peer import OFFER, Peer, call, peer
from tests.sip.sipp import sipp

OPTIONS = "\r\n".join(
    [
        f"OPTIONS sip:{HOST} SIP/2.0",
        f"Via: SIP/2.0/TCP {HOST}:9;branch=z9hG4bK1",
        "Max-Forwards: 70",
        f"From: <sip:1@{HOST}>;tag=1",
        f"To: <sip:{HOST}>",
        "Call-ID: 1",
        "CSeq: 1 OPTIONS",
        "Content-Length: 0",
        "",
        "",
    ]
).encode()
SMALL = 4
"""A capacity that a test fills up."""


@pytest.fixture
def small_router() -> Iterator[Engine]:
    with engine(legs=SMALL) as running:
        yield running


def test_legs_are_counted_until_they_are_released(router: Engine, caller: Peer, phone: Peer) -> None:
    dialled(router, caller, phone)
    assert router.ask()["legs_in_use"] == 2
    router.do("release", leg=1)
    phone.receive("CANCEL")
    router.until_legs(1)


def test_a_call_is_refused_by_us_while_a_slot_is_left_and_one_too_many_harms_nobody(
    small_router: Engine, caller: Peer
) -> None:
    router = small_router
    legs = [offered(router, caller)[1] for _ in range(router.facts["capacity"] - 1)]
    side, leg = offered(router, caller)
    assert router.ask()["legs_in_use"] == router.facts["capacity"]
    router.do("refuse", leg=leg, status=503, retry_after=5)
    refused = caller.receive(503)
    assert refused["Retry-After"] == "5"
    side.acknowledge_refusal(refused)
    router.until_legs(router.facts["capacity"] - 1)
    _, last = offered(router, caller)
    router.do("dial", leg=9, target="sip:1@127.0.0.1:9", offer_of=last)
    router.wait("refused", leg=9, status=503)
    call(caller, router.port)
    assert caller.receive(503)["Retry-After"]
    for one in (*legs, last):
        router.do("refuse", leg=one, status=404)
    router.until_legs(0)


def test_slots_are_used_again_and_again_without_a_wrong_hang_up(small_router: Engine) -> None:
    """Calls come as fast as they go."""
    router = small_router
    with sipp("phone_answers", calls=60, ring_ms=1) as phone:
        router.do("route_all", target=phone.uri)
        with sipp("caller", to=f"{HOST}:{router.port}", calls=60, rate=25, at_once=1, talk_ms=30) as caller:
            figures = caller.wait()
    assert (figures.successful, figures.failed) == (60, 0), caller.errors()
    router.until_legs(0)


@pytest.mark.parametrize("state", ["offered", "ringing", "connected"])
def test_stopping_ends_the_calls_that_are_up_and_tells_both_sides(
    router: Engine, caller: Peer, phone: Peer, state: str
) -> None:
    match state:
        case "offered":
            leg, dialled_leg = offered(router, caller)[1], None
        case "ringing":
            leg, dialled_leg = dialled(router, caller, phone).caller_leg, "refused"
        case _:
            leg, dialled_leg = bridged(router, caller, phone).caller_leg, "ended"
    begun = time.monotonic()
    router.do("close")
    caller.receive("BYE" if state == "connected" else 503)
    if dialled_leg:
        phone.receive("BYE" if state == "connected" else "CANCEL")
        router.wait(dialled_leg, leg=1)
    router.wait("ended", leg=leg)
    assert router.close() == 0
    assert time.monotonic() - begun < 3


def test_stopping_with_nothing_up_is_quick(router: Engine) -> None:
    begun = time.monotonic()
    assert router.close() == 0
    assert time.monotonic() - begun < 1.5


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as other:
            port = free_port()
            other.bind((HOST, port))
            if kind is socket.SOCK_STREAM:
                other.listen()
            process = start("tests.sip.driver", HOST, str(port), "4")
            out, _ = process.communicate(timeout=20)
            assert process.returncode == 2
            assert b"sip_port %d (" % port in out
            assert b"on 127.0.0.1 is in use" in out


def test_an_address_that_is_not_ours_is_said_in_one_line() -> None:
    process = start("tests.sip.driver", "192.0.2.1", str(free_port()), "4")
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 2
    assert b"listen 192.0.2.1 is no address of this machine" in out


def test_the_port_is_free_again_after_a_crash_with_connections_open() -> None:
    with engine() as first, socket.create_connection((HOST, first.port)) as stream:
        stream.sendall(OPTIONS)
        assert stream.recv(10)
        first.process.kill()
        first.process.wait()
        with engine(first.port) as second:
            assert second.ask()["legs_in_use"] == 0


@pytest.mark.parametrize(("caller_side", "phone_side"), [("t1", "u1"), ("u1", "t1"), ("t1", "t1")])
def test_calls_pass_between_transports(router: Engine, caller_side: str, phone_side: str) -> None:
    with sipp("phone_answers", transport=phone_side) as phone:
        router.do("route_all", target=phone.uri + (";transport=tcp" if phone_side == "t1" else ""))
        with sipp("caller", to=f"{HOST}:{router.port}", transport=caller_side) as calling:
            figures = calling.wait()
            assert (figures.successful, figures.failed) == (1, 0), calling.errors()
        assert phone.wait().successful == 1, phone.errors()
    router.until_legs(0)


def test_the_wildcard_address_serves_and_is_not_sent_to_phones() -> None:
    with engine(host="0.0.0.0") as router, peer() as caller, peer() as phone:
        bridge = bridged(router, caller, phone)
        assert "0.0.0.0" not in bridge.invite["Contact"] + bridge.invite["From"] + bridge.ok["Contact"]
        _, leg = offered(router, caller)
        router.do("dial", leg=5, target=f"sip:500@{HOST}:{router.port}", offer_of=leg)
        router.wait("refused", leg=5, status=482)


def test_a_long_invite_goes_by_the_transport_of_its_target(router: Engine, caller: Peer, phone: Peer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as silent:
        silent.bind((HOST, phone.port))
        silent.listen()
        _, leg = offered(router, caller, OFFER + f"a=x:{'y' * 1500}\r\n")
        router.do("dial", leg=1, target=phone.uri, offer_of=leg)
        assert "yyy" in phone.receive("INVITE").body
        silent.settimeout(0)
        with pytest.raises(BlockingIOError):
            silent.accept()

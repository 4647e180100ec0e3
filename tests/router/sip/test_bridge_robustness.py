"""Bad input from the network: it may be refused or ignored, and the next call works."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Iterator

import pytest

from tests.sip.bridge import bridged
from tests.sip.engine import HOST, Engine
from tests.sip.peer import ANSWER, OFFER, Dialog, Message, Peer, call

VIDEO = "m=video 4002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
LARGEST_DATAGRAM = 65507
SEED = 20261122
INSERTED = [b"\x00", b"\r\n", b"\r\n\r\n", b"%00", b"\xff" * 50, b'"', b"<", b";" * 99]


def refuse_all(router: Engine) -> None:
    router.do("refuse_all", on=True)
    router.ask()


def everything_has_been_read(router: Engine, caller: Peer) -> None:
    """What was sent before has been dealt with: a request sent now is answered."""
    target = f"sip:{HOST}:{router.port}"
    for _ in range(20):  # it may be lost where the buffer is full
        side = Dialog(
            caller, (HOST, router.port), local=f"<{caller.uri}>;tag=1", remote=f"<{target}>", target=target
        )
        side.request("OPTIONS")
        if maybe(caller, 200):
            return
    raise AssertionError("OPTIONS are not answered")


def a_call_works(router: Engine, caller: Peer, phone: Peer) -> None:
    everything_has_been_read(router, caller)
    router.do("refuse_all", on=False)
    router.until_legs(0, within=15)
    until = time.monotonic() + 15
    while router.ask()["overload"]:  # the flood before may have been more than could be carried
        assert time.monotonic() < until
    bridge = bridged(router, caller, phone)
    bridge.caller_side.request("BYE")
    caller.receive(200)
    phone.respond(phone.receive("BYE"), 200)
    router.until_legs(0)


def samples(port: int) -> list[bytes]:
    """Messages as they are, to be spoilt."""
    target = f"sip:500@{HOST}:{port}"
    messages = []
    for method in ("INVITE", "BYE", "CANCEL", "ACK", "OPTIONS", "REFER", "UPDATE", "INFO", "SUBSCRIBE"):
        body = OFFER if method == "INVITE" else ""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        messages.append(
            f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:9;branch=z9hG4bK@N\r\nMax-Forwards: 70\r\n"
            f'From: "Fuzz" <sip:fuzz@{HOST}:9>;tag=f@N\r\nTo: <{target}>\r\nCall-ID: fuzz@N\r\n'
            f"CSeq: 1 {method}\r\n"
            f"Contact: <sip:fuzz@{HOST}:9>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
    messages.append(
        f"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {HOST}:{port};branch=z9hG4bKPj1\r\nFrom: <{target}>;tag=1\r\n"
        f"To: <sip:1@{HOST}>;tag=2\r\nCall-ID: fuzz@N\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n".encode()
    )
    return messages


def spoilt(port: int, count: int) -> Iterator[bytes]:
    """The same `count` datagrams in every run."""
    chance = random.Random(SEED)
    whole = samples(port)
    for number in range(count):
        data = bytearray(chance.choice(whole).replace(b"@N", b"%d" % number))
        match chance.randrange(6):
            case 0:
                del data[chance.randrange(len(data)) :]
            case 1:
                for _ in range(chance.randrange(1, 20)):
                    data[chance.randrange(len(data))] = chance.randrange(256)
            case 2:
                at = chance.randrange(len(data))
                data[at:at] = chance.choice(
                    [b"\x00", b"\r\n", b"\r\n\r\n", b"%00", b"\xff" * 50, b'"', b"<", b";" * 99]
                )
            case 3:
                lines = bytes(data).split(b"\r\n")
                chance.shuffle(lines)
                data = bytearray(b"\r\n".join(lines))
            case 4:
                lines = bytes(data).split(b"\r\n")
                at = chance.randrange(len(lines))
                lines[at] = lines[at] + chance.choice([b"A", b"9", b";x=", b","]) * chance.randrange(3000)
                data = bytearray(b"\r\n".join(lines))
            case _:
                data = bytearray(chance.randbytes(chance.randrange(1500)))
        yield bytes(data)


def test_spoilt_datagrams_are_survived(router: Engine, caller: Peer, phone: Peer) -> None:
    refuse_all(router)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number, data in enumerate(spoilt(router.port, 3000)):
            stranger.sendto(data, (HOST, router.port))
            if number % 100 == 0:
                router.ask()
    a_call_works(router, caller, phone)


def test_spoilt_streams_are_survived(router: Engine, caller: Peer, phone: Peer) -> None:
    refuse_all(router)
    pieces = list(spoilt(router.port, 600))
    for start in range(0, len(pieces), 30):
        with socket.create_connection((HOST, router.port), timeout=5) as stream:
            try:
                for piece in pieces[start : start + 30]:
                    stream.sendall(piece)
            except OSError:  # it may hang up on us
                pass
        router.ask()
    a_call_works(router, caller, phone)


def test_the_largest_datagrams_are_survived(router: Engine, caller: Peer, phone: Peer) -> None:
    invite = samples(router.port)[0]
    router.do("refuse_all", on=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for filler in (b"A", b"\x00", b"\xff", b"\r\n", b"a=x:y\r\n"):
            flood = (filler * LARGEST_DATAGRAM)[:LARGEST_DATAGRAM]
            stranger.sendto(flood, (HOST, router.port))
            stranger.sendto((invite + flood)[:LARGEST_DATAGRAM], (HOST, router.port))
            router.ask()
    a_call_works(router, caller, phone)


@pytest.mark.parametrize(
    "sdp",
    [
        "v=0\r\n",
        "nonsense",
        OFFER.replace("m=audio 40000", "m=audio 99999999"),
        OFFER.replace("c=IN IP4 192.0.2.17", "c=IN IP4 x"),
        OFFER.replace("v=0", "v=0\x00"),
        OFFER + VIDEO * 5,
        OFFER + VIDEO * 40,
        OFFER + "a=" + "x" * 3000 + "\r\n",
        OFFER + "a=x:y\r\n" * 300,
        OFFER.replace("0 8 101", " ".join(str(number) for number in range(96, 126))),
        VIDEO,
        OFFER.replace("m=audio 40000", "m=audio 0"),
        OFFER.replace("RTP/AVP", "RTP/SAVPF"),
    ],
)
def test_odd_descriptions_harm_nobody(router: Engine, caller: Peer, phone: Peer, sdp: str) -> None:
    """Each may be refused at once; if it is offered, it is dialled, answered with the like and connected."""
    side = call(caller, router.port, sdp=sdp)
    first = next((event for event in eventually(router, caller) if event.get("event") == "offered"), None)
    if first is not None:
        router.do("dial", leg=9, target=phone.uri, offer_of=first["leg"])
        if asked := maybe(phone, "INVITE"):
            phone.respond(asked, 200, sdp)
        router.do("connect", caller=first["leg"], agent=9)
        if ok := maybe(caller, 200):
            side.answered(ok)
        for leg in (9, first["leg"]):
            router.do("release", leg=leg)
        for peer in (phone, caller):
            if bye := maybe(peer, "BYE"):
                peer.respond(bye, 200)
    a_call_works(router, caller, phone)


def maybe(peer: Peer, wanted: str | int) -> Message | None:
    with contextlib.suppress(AssertionError):
        return peer.receive(wanted, within=0.5)
    return None


def eventually(router: Engine, caller: Peer) -> list[dict[str, object]]:
    """What the router's listener was told, once the caller has had any final answer or the offer is in."""
    for _ in range(20):
        told = router.untold()
        if told:
            return told
        try:
            caller.receive("nothing at all", within=0.02)
        except AssertionError as exc:
            if "SIP/2.0" in str(exc):
                return []
    return []


def test_options_are_answered(router: Engine, caller: Peer) -> None:
    target = f"sip:{HOST}:{router.port}"
    side = Dialog(
        caller, (HOST, router.port), local=f"<{caller.uri}>;tag=1", remote=f"<{target}>", target=target
    )
    side.request("OPTIONS")
    assert "INVITE" in caller.receive(200)["Allow"]


def test_other_requests_out_of_the_blue_change_nothing(router: Engine, caller: Peer, phone: Peer) -> None:
    target = f"sip:500@{HOST}:{router.port}"
    for method in (
        "REGISTER",
        "SUBSCRIBE",
        "PUBLISH",
        "REFER",
        "NOTIFY",
        "BYE",
        "UPDATE",
        "PRACK",
        "ACK",
        "FOO",
    ):
        side = Dialog(
            caller, (HOST, router.port), local=f"<{caller.uri}>;tag=1", remote=f"<{target}>", target=target
        )
        side.request(method, headers=["Event: presence", "Refer-To: <sip:9@127.0.0.1:9>", "Expires: 60"])
    with pytest.raises(AssertionError, match="no 200"):
        caller.receive(200, within=0.5)
    assert router.untold() == []
    a_call_works(router, caller, phone)


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "REFER"])
def test_a_call_from_before_a_restart_is_told_that_it_is_gone(
    router: Engine, caller: Peer, method: str
) -> None:
    target = f"sip:500@{HOST}:{router.port}"
    side = Dialog(
        caller, (HOST, router.port), local=f"<{caller.uri}>;tag=1", remote=f"<{target}>;tag=2", target=target
    )
    side.request(method, OFFER if method == "INVITE" else "")
    caller.receive(481)
    assert router.untold() == []


def test_an_invite_that_would_replace_a_call_of_others_is_refused(
    router: Engine, caller: Peer, phone: Peer
) -> None:
    bridge = bridged(router, caller, phone)
    replaces = f"Replaces: {bridge.ok['Call-ID']};to-tag=guessed;from-tag={caller.tag}"
    thief = call(caller, router.port, headers=[replaces, "Require: replaces"])
    thief.acknowledge_refusal(caller.receive(481))
    bridge.caller_side.request("BYE")
    caller.receive(200)
    phone.respond(phone.receive("BYE"), 200)
    router.until_legs(0)


def test_an_unknown_required_extension_is_refused(router: Engine, caller: Peer, phone: Peer) -> None:
    side = call(caller, router.port, headers=["Require: telepathy"])
    side.acknowledge_refusal(caller.receive(420))
    a_call_works(router, caller, phone)


def test_a_hostile_display_name_reaches_the_phone_as_a_name_only(
    router: Engine, caller: Peer, phone: Peer
) -> None:
    side = call(caller, router.port)
    leg = router.wait("offered", call_id=side.call_id)["leg"]
    name = 'Eve" <sip:eve@evil>\r\nX-Injected: yes\r\nZürich\\'
    router.do("dial", leg=1, target=phone.uri, offer_of=leg, number="+41\r\nX-Injected: yes;a@b<>", name=name)
    asked = phone.receive("INVITE")
    assert asked["X-Injected"] == ""
    assert len(asked.all("From")) == 1
    assert "Zürich" in asked["From"]
    assert f"@{HOST}" in asked["From"]
    phone.respond(asked, 200, ANSWER)
    router.wait("answered", leg=1)
    router.do("release", leg=1)
    phone.receive("ACK")
    phone.receive("BYE")

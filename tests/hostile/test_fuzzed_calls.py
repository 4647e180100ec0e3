"""Spoilt messages from a PBX that may call, while a call is up and others are placed."""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
import time
import uuid
from collections.abc import Iterator

from tests.hostile.conftest import DIALLED, GOOD, PBX, ROUTER, House
from tests.hostile.mutations import METHODS, SDP, Seed, spoilt
from tests.journeys.waiting import eventually
from tests.sip.peer import Dialog, Peer

MESSAGES, AT_ONCE = 3000, 100
NUMBERS = itertools.count(100)
LONGEST_S = 20.0
"""Of one flood; a slow machine sends fewer messages."""
GROWN_MB = 40
LINGER_S = 45
"""RFC 3261 timers B, H and J are 32 s; our transactions are swept once a second."""


def seeds(house: House, victim: Dialog, phone_uri: str, transport: str, port: int) -> list[Seed]:
    """Each kind of request outside of calls and in the victim's, and responses to what the router asked."""
    made: list[Seed] = []
    target = f"sip:{DIALLED}@{ROUTER}:{house.stage.sip_port}"
    for method in METHODS:
        for inside in (False, True):
            headers = (
                ("Via", f"SIP/2.0/{transport} {PBX}:{port};branch=z9hG4bK{uuid.uuid4().hex};rport"),
                ("Max-Forwards", "70"),
                ("From", victim.local if inside else f'"Fuzz" <sip:0449999999@{PBX}>;tag={uuid.uuid4().hex}'),
                ("To", victim.remote if inside else f"<{target}>"),
                ("Call-ID", victim.call_id if inside else uuid.uuid4().hex),
                ("CSeq", f"{next(NUMBERS)} {method}"),
                ("Contact", f"<sip:fuzz@{PBX}:{port}>"),
                ("Content-Type", "application/sdp"),
                *((("Refer-To", "<sip:61@127.0.0.1?Replaces=a%3Bto-tag=b>"),) if method == "REFER" else ()),
                *((("RAck", "1 1 INVITE"),) if method == "PRACK" else ()),
                *((("Event", "refer"), ("Subscription-State", "active")) if method == "NOTIFY" else ()),
            )
            uri = victim.target if inside else target
            body = SDP if method in {"INVITE", "UPDATE", "ACK", "PRACK"} else ""
            made.append(Seed(f"{method} {uri} SIP/2.0", headers, body))
    for status in ("100 Trying", "180 Ringing", "183 Progress", "200 OK", "302 Moved", "407 Who", "491 Busy"):
        answer = (
            ("Via", f"SIP/2.0/{transport} {ROUTER}:{house.stage.sip_port};branch=z9hG4bKx"),
            ("From", victim.remote),
            ("To", f"{victim.local}"),
            ("Call-ID", victim.call_id),
            ("CSeq", "1 INVITE"),
            ("Contact", f"<{phone_uri}>"),
            ("Content-Type", "application/sdp"),
        )
        made.append(Seed(f"SIP/2.0 {status}", answer, SDP))
    return made


class Sender:
    """Sends as a PBX would, and reads and throws away what comes back."""

    def __init__(self, transport: str, to: tuple[str, int]) -> None:
        self._is_tcp = transport == "TCP"
        self._to = to
        self._sock = self._open()

    @property
    def port(self) -> int:
        return int(self._sock.getsockname()[1])

    def send(self, data: bytes) -> None:
        try:
            if self._is_tcp:
                self._sock.setblocking(True)
                self._sock.sendall(data)
                self._sock.setblocking(False)
            else:
                self._sock.sendto(data[:65000], self._to)
        except OSError:  # it has closed the connection, as it should
            self._sock.close()
            self._sock = self._open()
        with contextlib.suppress(OSError):
            while self._sock.recv(65535):
                pass

    def close(self) -> None:
        self._sock.close()

    def _open(self) -> socket.socket:
        kind = socket.SOCK_STREAM if self._is_tcp else socket.SOCK_DGRAM
        sock = socket.socket(socket.AF_INET, kind)
        sock.bind((PBX, 0))
        if self._is_tcp:
            sock.settimeout(5)
            sock.connect(self._to)
        sock.setblocking(False)
        return sock


def flood(house: House, caller: Peer, safe: Dialog, transport: str, chance: random.Random) -> int:
    """Spoilt messages by the hundred, each against another call too, while `safe` is up; how many."""
    sender = Sender(transport, house.address)
    until = time.monotonic() + LONGEST_S
    sent = 0
    with contextlib.closing(sender), pbx_peer() as other:
        while sent < MESSAGES and time.monotonic() < until:
            victim = house.call(other, GOOD[1])
            for _ in range(AT_ONCE):
                made = seeds(house, victim, house.phone.uri, transport, sender.port)
                # INVITEs have most to go wrong.
                invites = [seed for seed in made if seed.start.startswith("INVITE")]
                sender.send(spoilt(chance.choice(made + 8 * invites), chance))
            sent += AT_ONCE
            house.still_up(caller, safe)
            victim.counter = itertools.count(2_000_000_000)
            victim.request("BYE")
            assert other.receive_answer(10).status in {200, 481}
    return sent


def test_spoilt_messages_touch_no_other_call_and_leave_nothing(house: House, caller: Peer) -> None:
    pid, memory = house.pid(), house.memory_mb()
    safe = house.call(caller, GOOD[0])
    sent = flood(house, caller, safe, "UDP", random.Random(20261122))
    sent += flood(house, caller, safe, "TCP", random.Random(5060))
    house.end(caller, safe)
    assert sent >= 6 * AT_ONCE
    assert house.phone.seen["INVITE"] > sent / AT_ONCE + 20, "few of the spoilt calls went as far as a phone"
    assert house.pid() == pid
    assert house.memory_mb() - memory < GROWN_MB
    eventually(lambda: house.stage.facts()["legs_in_use"] == 0, LINGER_S)
    eventually(lambda: house.stage.facts()["transactions"] == 0, LINGER_S)
    assert "Traceback" not in house.stage.appliance.log_end(100_000)


@contextlib.contextmanager
def pbx_peer() -> Iterator[Peer]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((PBX, 0))
        yield Peer(sock)

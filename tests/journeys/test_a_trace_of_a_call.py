"""A call seen in the trace: both its legs, and the media server's, under the id of its record."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.control import address
from shell.trace.glance import glance
from shell.trace.ladder import ladder
from shell.trace.record import TOPIC, Record, from_wire
from tests.journeys.conftest import Stage
from tests.journeys.office import AVAILABLE
from tests.journeys.rules import Desk, Handset, Site, handset
from tests.journeys.test_a_call_to_the_manager_number import place, record_of
from tests.journeys.test_rules_announcement import record as record_announcement
from tests.sip.rtp import voice

SECRET = "5ec4e7c0ffee5ec4e7c0ffee5ec4e7c0ffee1234"
DIGEST = f'Authorization: Digest username="pbx", realm="r", nonce="n", response="{SECRET}", cnonce="{SECRET}"'
CRYPTO = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{SECRET}"


class Looking:
    """Somebody who looks at the trace."""

    def __init__(self, control_socket: Path) -> None:
        self._socket = address.connect(control_socket)
        self._lines = self._socket.makefile("rb")
        self._socket.sendall(
            json.dumps({"id": 1, "request": "watch", "args": {"topics": [TOPIC]}}).encode() + b"\n"
        )
        self.records: list[Record] = []
        self.heard = b""

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def until(self, is_there: Callable[[], bool], within: float = 10.0) -> None:
        end = time.monotonic() + within
        while not is_there():
            left = end - time.monotonic()
            assert left > 0, [record.text for record in self.records]
            self._hear(left)

    def begins(self, port: int) -> None:
        """The router has begun to tell."""
        with handset() as far:
            for _ in range(100):
                asks(far, port)
                far.receive(200)
                self._hear(0.1)
                if any(record.process == "router" for record in self.records):
                    return
        raise AssertionError("the router tells nothing")

    def of(self, call: str) -> list[Record]:
        return [record for record in self.records if record.call == call]

    def _hear(self, within: float) -> None:
        self._socket.settimeout(within)
        try:
            line = self._lines.readline()
        except TimeoutError:
            self._lines = self._socket.makefile("rb")  # nothing of a line is lost: a batch comes whole
            return
        told = json.loads(line)
        if told.get("event") == TOPIC:
            self.heard += line
            self.records += map(from_wire, told["data"]["records"])


def asks(far: Handset, port: int) -> None:
    """OPTIONS."""
    host, own = far.sock.getsockname()
    lines = [
        "OPTIONS sip:callisto@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{own};branch=z9hG4bK{time.monotonic_ns()};rport",
        *(
            "From: <sip:x@h>;tag=1",
            "To: <sip:callisto@h>",
            f"Call-ID: {time.monotonic_ns()}",
            "CSeq: 1 OPTIONS",
        ),
        *("Max-Forwards: 70", "Content-Length: 0", "", ""),
    ]
    far.send("\r\n".join(lines), ("127.0.0.1", port))


@pytest.fixture
def looking_at() -> Iterator[Callable[[Path, int], Looking]]:
    made: list[Looking] = []

    def look(control_socket: Path, port: int) -> Looking:
        made.append(Looking(control_socket))
        made[-1].begins(port)
        return made[-1]

    yield look
    for each in made:
        each.close()


Look = Callable[[Path, int], Looking]


def names(records: list[Record]) -> list[tuple[str, str]]:
    seen = [(each.sip.way, glance(each.sip.raw)) for each in records if each.sip]
    return [(way, str(one.status or one.method)) for way, one in seen]


def test_both_legs_of_a_call_are_in_the_trace_under_the_id_of_its_record(
    stage: Stage, looking_at: Look
) -> None:
    looking = looking_at(stage.appliance.control_socket, stage.appliance.sip_port)
    assert place(stage, AVAILABLE, "0441110091") == 0
    call = record_of(stage, "0441110091").id
    looking.until(lambda: names(looking.of(call)).count(("in", "200")) >= 2)
    of_it = names(looking.of(call))
    for message in ("INVITE", "180", "200", "ACK", "BYE"):
        assert ("in", message) in of_it
        assert ("out", message) in of_it
    assert len({each.sip.call_id for each in looking.of(call) if each.sip}) == 2
    assert all(each.sip is None for each in looking.records if not each.call and "INVITE" in each.text)
    assert any(each.group == "call" and "anna" in each.text.lower() for each in looking.of(call))
    drawn = ladder(looking.of(call), 100)
    assert drawn[1].split()[:3] == ["caller", "0441110091", "Callisto"]
    assert len([line for line in drawn if ">|" in line or "|<" in line]) == len(of_it)


def test_the_media_servers_leg_is_of_the_call_too_and_no_secret_is_told(
    site: Site, desk: Desk, looking_at: Look
) -> None:
    looking = looking_at(site.appliance.control_socket, site.appliance.sip_port)
    record_announcement(site.announcements / "welcome.wav", 0.3)
    desk.opens("ben", announcement="welcome.wav")
    with voice(500) as speaker, voice(1000) as listener:
        side = desk.calls(sdp=speaker.sdp() + CRYPTO + "\r\n", headers=[DIGEST])
        speaker.towards(desk.caller.receive(183).body)
        invite = desk.mia.rings(within=5.0)
        desk.mia.respond(invite, 200, listener.sdp())
        desk.mia.receive("ACK")
        side.answered(desk.caller.receive(200))
        desk.hangs_up(side, desk.mia)
    call = desk.record().id
    looking.until(lambda: any("the call is over" in each.text for each in looking.of(call)))
    raw = [each.sip.raw for each in looking.of(call) if each.sip]
    assert len({each.sip.call_id for each in looking.of(call) if each.sip}) >= 3
    assert any(text.startswith("INVITE sip:conf=") for text in raw)
    assert "media server" in ladder(looking.of(call), 160)[1]
    invited = next(text for text in raw if text.startswith("INVITE sip:" + desk.number))
    assert 'username="pbx", realm="r", nonce="n", response="***"' in invited
    assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80 ****" in invited
    assert SECRET.encode() not in looking.heard

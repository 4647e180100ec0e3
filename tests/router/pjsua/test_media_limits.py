"""What the media server refuses, how it ends what is left over, and how little it takes with it."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests import needs
from tests.sip.media import Line, Media, invite, line, media, rtp_ports, start_at
from tests.sip.peer import Peer, peer
from tests.sip.rtp import mangled, voice, where


@contextlib.contextmanager
def lines(server: Media, count: int) -> Iterator[list[Line]]:
    """That many legs, two in each conference."""
    with contextlib.ExitStack() as stack:
        yield [
            line(
                stack.enter_context(peer()),
                server,
                f"c{number // 2}",
                stack.enter_context(voice(500 + 50 * number, speaking=False)),
            )
            for number in range(count)
        ]


def test_every_leg_of_the_library_can_be_used_and_one_more_gets_503(tmp_path: Path, caller: Peer) -> None:
    needs.pjsua2()
    with media(tmp_path / "copies", most_legs=12) as server, voice(2000) as late_comer:
        capacity = server.started["capacity"]
        assert capacity == (12 if server.started["build"] == "large" else 4)
        with lines(server, capacity) as legs:
            server.until(legs_in_use=capacity, conferences=capacity // 2)
            dialog = invite(caller, server, "late", late_comer.sdp())
            dialog.acknowledge_refusal(caller.receive(503))
            server.until(refused_busy=1)
            legs[0].change(direction="sendonly")  # who is in is served
            legs[-1].hang_up()
            server.until(legs_in_use=capacity - 1)
            line(caller, server, "late", late_comer)
            server.until(legs_in_use=capacity)


def test_there_are_no_more_legs_than_ports_for_them(tmp_path: Path) -> None:
    needs.pjsua2()
    with media(tmp_path / "copies", rtp_ports=(30000, 30005)) as server:
        assert server.started["capacity"] == 3


def test_a_port_in_use_is_named(tmp_path: Path, server: Media) -> None:
    with start_at(server.port, tmp_path / "more") as failed:
        assert failed == {
            "failed": f"media_port {server.port} on 127.0.0.1 is in use: "
            "stop the other user or change media_port"
        }


@pytest.mark.parametrize(
    ("user", "parameters", "status", "why"),
    [
        ("500", "", 404, "sip:conf="),
        ("conf=", "", 404, "letters, digits"),
        ("conf=a", ";srtp=maybe", 400, "srtp is one of"),
        ("conf=a", ";play=welcome.wav", 404, "not an absolute path"),
    ],
)
def test_what_is_not_served_is_refused_with_the_reason(
    *, server: Media, caller: Peer, user: str, parameters: str, status: int, why: str
) -> None:
    with voice(500) as first:
        dialog = invite(caller, server, "a", first.sdp(), parameters, user=user)
        refusal = caller.receive(status)
        dialog.acknowledge_refusal(refusal)
        assert why in refusal["Warning"]
        server.until(legs_in_use=0)


def test_an_offer_without_audio_is_refused(server: Media, caller: Peer) -> None:
    with voice(500) as first:
        dialog = invite(caller, server, "a", first.sdp().replace("m=audio", "m=image"))
        dialog.acknowledge_refusal(caller.receive(488))
        unknown = first.sdp().replace("RTP/AVP 0", "RTP/AVP 99").replace("rtpmap:0 PCMU", "rtpmap:99 AMR")
        dialog = invite(caller, server, "a", unknown)
        dialog.acknowledge_refusal(caller.receive(488))
        server.until(legs_in_use=0)


def test_an_error_in_one_leg_ends_it_alone(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000) as second, voice(1500) as third:
        one = line(caller, server, "a", first)
        server.facts(b"break")
        dialog = invite(phone, server, "a", second.sdp())
        dialog.acknowledge_refusal(phone.receive(500))
        server.facts(b"mend")
        server.until(legs_in_use=1)
        line(phone, server, "a", third)
        third.until_hears(500)
        one.change()


def test_a_leg_on_which_nobody_speaks_is_reported_once(tmp_path: Path, caller: Peer, phone: Peer) -> None:
    needs.pjsua2()
    with media(tmp_path / "copies", silence_s=1.0) as server, voice(500) as first, voice(900) as second:
        leg = line(caller, server, "a", first)
        line(phone, server, "a", second)
        second.until_hears(500)
        caller.nothing(within=1.5)
        first.speaking = False
        assert leg.told() == "silent"
        caller.nothing(within=1.5)
        first.speaking = True
        second.until_hears(500)
        first.speaking = False
        assert leg.told() == "silent"
        phone.nothing()


def test_a_held_leg_is_not_called_silent(tmp_path: Path, caller: Peer) -> None:
    needs.pjsua2()
    with media(tmp_path / "copies", silence_s=1.0) as server, voice(500) as first:
        leg = line(caller, server, "a", first)
        leg.change(direction="sendonly")
        first.speaking = False
        caller.nothing(within=2.0)


def test_a_leg_that_the_router_has_forgotten_is_ended(tmp_path: Path, caller: Peer, phone: Peer) -> None:
    """It was restarted: the dialogs of its predecessor are unknown to it."""
    needs.pjsua2()
    with media(tmp_path / "copies", ask_every_s=0.3) as server, voice(500) as first, voice(900) as second:
        line(caller, server, "a", first)
        line(phone, server, "b", second)
        for _ in range(2):
            phone.respond(phone.receive("OPTIONS"), 200)
        caller.respond(caller.receive("OPTIONS"), 481)
        caller.respond(caller.receive("BYE"), 481)
        server.until(legs_in_use=1, conferences=1)


def test_everybody_is_hung_up_on_when_it_stops(tmp_path: Path, caller: Peer) -> None:
    needs.pjsua2()
    with media(tmp_path / "copies") as server, voice(500) as first:
        line(caller, server, "a", first)
        assert server.process.stdin is not None
        server.process.stdin.close()
        caller.respond(caller.receive("BYE"), 200)
        assert server.process.wait(10) == 0


def test_it_listens_on_loopback_alone(tmp_path: Path, caller: Peer) -> None:
    needs.pjsua2()
    with media(tmp_path / "copies", listen="0.0.0.0") as server, voice(500) as first:
        leg = line(caller, server, "a", first)
        assert "c=IN IP4 127.0.0.1" in leg.ok.body  # the way to that phone
        bound = [row.split()[1] for row in Path("/proc/net/udp").read_text().splitlines()[1:]]
        port = f"{server.port:04X}"
        assert [address for address in bound if address.endswith(f":{port}")] == [f"0100007F:{port}"]


def test_many_short_legs_leave_nothing_behind(server: Media, caller: Peer) -> None:
    """The stock library has 64 sockets, and gives one back a while after it was closed."""

    def descriptors() -> int:
        server.until(legs_in_use=0, conferences=0)
        return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))

    with voice(500) as first:
        before, carried, number = descriptors(), 0, 0
        end = time.monotonic() + 20
        while carried < 60:
            assert time.monotonic() < end, carried
            number += 1
            dialog = invite(caller, server, f"c{number}", first.sdp())
            answer = caller.receive_answer()
            if answer.status == 503:
                dialog.acknowledge_refusal(answer)
                continue
            carried += 1
            dialog.answered(answer)
            dialog.request("BYE")
            caller.receive(200)
        while descriptors() > before:
            assert time.monotonic() < end


@pytest.mark.parametrize("profile", ["UDP/TLS/RTP/SAVP", "RTP/SAVPF", "TCP/RTP/AVP", "nonsense"])
def test_an_offer_whose_media_cannot_be_made_costs_nothing_but_that_leg(
    server: Media, caller: Peer, phone: Peer, profile: str
) -> None:
    with voice(500) as first, voice(1000) as second:
        line(caller, server, "a", first)
        for _ in range(3):
            dialog = invite(phone, server, "a", second.sdp().replace("RTP/AVP", profile))
            refusal = phone.receive_answer()
            assert refusal.status in {400, 406, 480, 488}
            dialog.acknowledge_refusal(refusal)
        server.until(legs_in_use=1)
        line(phone, server, "a", second)
        second.until_hears(500)


def test_no_free_rtp_port_costs_nothing_but_that_leg(tmp_path: Path, caller: Peer, phone: Peer) -> None:
    needs.pjsua2()
    low = rtp_ports()[0]
    with contextlib.ExitStack() as taken:
        for port in range(low, low + 16):
            sock = taken.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with contextlib.suppress(OSError):
                sock.bind(("127.0.0.1", port))
        with media(tmp_path / "copies", rtp_ports=(low, low + 15)) as server, voice(500) as first:
            dialog = invite(caller, server, "a", first.sdp())
            refusal = caller.receive_answer()
            assert refusal.status in {480, 500, 503}
            dialog.acknowledge_refusal(refusal)
            dialog = invite(caller, server, "a", "")
            refusal = caller.receive_answer()
            assert refusal.status >= 400
            dialog.acknowledge_refusal(refusal)
            taken.close()
            line(phone, server, "a", first)


def test_mangled_offers_and_answers_cost_nothing_but_that_leg(server: Media, caller: Peer) -> None:
    """Seeded; each has one to four lines left out, added, repeated or damaged."""
    random = Random(20261122)
    with voice(500) as first:
        for number in range(60):
            described = mangled(first.sdp(), random)
            is_late = number % 3 == 0
            dialog = invite(caller, server, "a", "" if is_late else described)
            answer = caller.receive_answer()
            if answer.status >= 300:
                dialog.acknowledge_refusal(answer)
                continue
            dialog.remote = answer["To"]
            dialog.target = answer["Contact"].partition("<")[2].partition(">")[0]
            dialog.request("ACK", described if is_late else "")
            first.to = where(answer.body)
            first.sock.sendto(random.randbytes(random.randrange(60)), first.to)
            dialog.request("INVITE", mangled(first.sdp(direction="sendonly"), random))
            again = caller.receive_answer()
            if again.status >= 300:
                dialog.acknowledge_refusal(again)
            else:
                dialog.answered(again)
            dialog.request("BYE")
            caller.receive_answer()
            server.until(legs_in_use=0)


def test_a_router_that_listens_on_another_address_of_this_machine_is_served(server: Media) -> None:
    """Its socket is bound there, and so that is where its INVITE comes from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: the way there is looked up
        own = probe.getsockname()[0]
    with peer(own) as router, peer("127.0.0.3") as other, voice(500) as first, voice(1000) as second:
        line(router, server, "a", first)
        line(other, server, "a", second)
        second.until_hears(500)

"""Kamailio as the PBX: we register there, its phones are baresip, all requests go by its Record-Route."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from db.office import Office, Team, User
from router.model import Overflow, OverflowKind, Presence
from tests import needs
from tests.interop import kamailio as pbx
from tests.interop.baresip import Baresip, baresip
from tests.interop.kamailio import Kamailio, kamailio
from tests.interop.ports import HOST, free_ports
from tests.interop.stage import Stage, stage
from tests.journeys.waiting import eventually
from tests.sip.peer import Dialog, Peer, peer
from tests.sip.rtp import Voice, voice

MANAGER, AWAY = "600", "700"
ROSA, EMIL = "0441112201", "0441112203"
CALLER, PHONE = 450, 950


def office(variables: dict[str, str]) -> Office:
    return Office(
        users=(
            User("rosa", "Rosa Rohr", ROSA, "61"),
            User("dora", "Dora Dubach", "0441112202", "71", presence=Presence.AWAY),
            User("emil", "Emil Egli", EMIL, "72"),
        ),
        groups=(
            Team("Sales", MANAGER, "rosa", overflow=Overflow(OverflowKind.BUSY)),
            Team("Board", AWAY, "dora", ("emil", "rosa"), assistant_timeout=2),
        ),
        variables=variables,
    )


@dataclass(frozen=True, slots=True)
class Front:
    kamailio: Kamailio
    stage: Stage
    folder: Path

    def phone(self, user: str, **options: object) -> AbstractContextManager[Baresip]:
        """Registered at Kamailio."""
        return baresip(self.folder, user, account=self.kamailio.account(user), **options)  # type: ignore[arg-type]


@contextlib.contextmanager
def set_up(folder: Path, *, bridges: bool) -> Iterator[tuple[Kamailio, Stage]]:
    needs.program("baresip", "baresip-core")
    needs.program("kamailio")
    router, front = free_ports(2)
    settings = {
        "CALLISTO_PEERS": f"kamailio={pbx.HOST}:{front};user={pbx.USER};register=true;ping_s=1",
        "CALLISTO_PEER_KAMAILIO_PASSWORD": pbx.PASSWORD,
        "CALLISTO_NETWORKS": "10.0.0.0/8",
    }
    ours = office({"gBridgeTransfer": "1" if bridges else "0"})
    with (
        kamailio(folder, front, router) as pbx_in_front,
        stage(folder, ours, {}, settings=settings, sip_port=router) as running,
    ):
        eventually(lambda: is_registered(running), 15)
        yield pbx_in_front, running


@pytest.fixture(scope="module")
def bridging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kamailio, Stage]]:
    with set_up(tmp_path_factory.mktemp("front"), bridges=True) as running:
        yield running


@pytest.fixture(scope="module")
def handing_over(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kamailio, Stage]]:
    with set_up(tmp_path_factory.mktemp("front"), bridges=False) as running:
        yield running


@pytest.fixture
def front(bridging: tuple[Kamailio, Stage], tmp_path: Path) -> Front:
    return Front(*bridging, tmp_path)


@pytest.fixture
def hander(handing_over: tuple[Kamailio, Stage], tmp_path: Path) -> Front:
    """The same, where answered calls are left to the PBX."""
    return Front(*handing_over, tmp_path)


def is_registered(stage: Stage) -> bool:
    peers = stage.facts().get("peers", [])
    return [(peer["state"], peer["registered"]) for peer in peers] == [("up", True)]


@contextlib.contextmanager
def connected(front: Front, number: str, dialled: str = MANAGER) -> Iterator[tuple[Baresip, Baresip]]:
    """Caller and phone, both registered, in a call."""
    with front.phone(ROSA) as rosa, front.phone(number, says=CALLER, answers="manual") as caller:
        rosa.until_registered()
        caller.dial(f"sip:{dialled}@{front.kamailio.address}")
        caller.wait("CALL_ESTABLISHED")
        yield caller, rosa


class Routed(Dialog):
    """Goes by the Record-Route of the one proxy."""

    route: tuple[str, ...] = ()

    def request(self, method: str, sdp: str = "", *, headers: Iterable[str] = ()) -> None:
        super().request(method, sdp, headers=(*self.route, *headers))


def answered(front: Front, caller: Peer, mine: Voice, number: str) -> Routed:
    """A call of a caller of ours to the manager, by way of Kamailio."""
    target = f"sip:{MANAGER}@{front.kamailio.address}"
    dialog = Routed(
        caller,
        (pbx.HOST, front.kamailio.port),
        local=f"<sip:{number}@{HOST}>;tag={caller.tag}",
        remote=f"<{target}>",
        target=target,
    )
    dialog.request("INVITE", mine.sdp())
    ok = caller.receive(200, within=8)
    dialog.route = (f"Route: {ok['Record-Route']}",)
    dialog.answered(ok)
    mine.towards(ok.body)
    return dialog


def test_the_router_registers_and_knows_that_its_peer_is_up(front: Front) -> None:
    assert is_registered(front.stage)


def test_a_call_comes_through_kamailio_and_goes_back_to_a_phone_of_its(front: Front) -> None:
    """Our INVITE is asked for the password there."""
    with connected(front, "0790000001") as (caller, rosa):
        rosa.heard().until_hears(CALLER)
        caller.do("hangup")
        rosa.wait("CALL_CLOSED")
    record = front.stage.record_of("0790000001")
    assert (record.result, record.agent) == ("answered", "rosa")
    front.stage.until_idle()


def test_the_phone_behind_kamailio_hangs_up(front: Front) -> None:
    with connected(front, "0790000002") as (caller, rosa):
        rosa.do("hangup")
        caller.wait("CALL_CLOSED")
    front.stage.until_idle()


def test_holding_and_key_presses_pass_kamailio(front: Front) -> None:
    with front.phone(ROSA, says=PHONE) as rosa, peer() as caller, voice(CALLER) as mine:
        rosa.until_registered()
        dialog = answered(front, caller, mine, "0790000003")
        mine.until_hears(PHONE, 10)
        rosa.do("hold")
        held = caller.receive("INVITE")
        assert "a=sendonly" in held.body
        caller.respond(held, 200, mine.sdp(direction="recvonly"))
        mine.until_silence()
        mine.forget()
        rosa.do("resume")
        caller.respond(caller.receive("INVITE"), 200, mine.sdp())
        mine.until_hears(PHONE, 10)
        rosa.press("5#")
        mine.until_pressed("5#")
        dialog.request("BYE")
        caller.receive(200)
    front.stage.until_idle()


def test_an_assistant_behind_kamailio_follows_one_who_does_not_answer(front: Front) -> None:
    with front.phone(EMIL, answers="manual") as emil:
        emil.until_registered()
        with connected(front, "0790000004", AWAY) as (caller, rosa):
            rosa.heard().until_hears(CALLER)
            emil.wait("CALL_INCOMING")
            emil.wait("CALL_CLOSED")
            caller.do("hangup")
            rosa.wait("CALL_CLOSED")
    assert front.stage.record_of("0790000004").agent == "rosa"


def test_an_answered_call_is_left_to_the_pbx(hander: Front) -> None:
    """baresip is asked to call the phone itself; then both speak without us."""
    with connected(hander, "0790000005") as (caller, rosa):
        caller.wait("TRANSFER")
        caller.wait("CALL_ESTABLISHED")
        assert (
            hander.stage.record_of("0790000005").steps[-1].text.startswith("kamailio has taken the call over")
        )
        hander.stage.until_idle()
        rosa.heard().until_hears(CALLER)
        caller.do("hangup")
        rosa.wait("CALL_CLOSED")


def test_a_pbx_that_refuses_leaves_the_call_bridged_and_that_is_said(hander: Front) -> None:
    with hander.phone(ROSA) as rosa, peer() as caller, voice(CALLER) as mine:
        rosa.until_registered()
        dialog = answered(hander, caller, mine, "0790000006")
        caller.respond(caller.receive("REFER"), 603)
        rosa.heard().until_hears(CALLER)
        mine.until_hears(CALLER, 10)
        dialog.request("BYE")
        caller.receive(200)
    told = "\n".join(step.text for step in hander.stage.record_of("0790000006").steps)
    assert "the call stays on this router: kamailio refuses it (603" in told
    hander.stage.until_idle()

"""Being registered with a PBX, and staying so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.model import Peer
from router.sip.message import Request, Response
from router.sip.registrar_client import RegistrarClient, Registration, Stage, granted
from tests.router.sip.wire import Office

PBX = Peer("pbx", "192.0.2.9", user="router", password="secret", register=True)


class Registrar(Office):
    def __init__(self, *offered: Peer, jitter: float = 1.0) -> None:
        super().__init__()
        self.told: list[Registration] = []
        self.client = RegistrarClient(
            self.network,  # type: ignore[arg-type]
            self.transactions,
            self.clock,
            jitter=lambda: jitter,
            changed=lambda _peer, registration: self.told.append(registration),
        )
        self.client.use(offered)

    def accept(self, request: Request, expires: int = 3600) -> None:
        value = request.get("Contact") + f";expires={expires}"
        self.answer(request, 200, Contact=f"<sip:desk@192.0.2.77>;expires=60, {value}")

    def challenge(self, request: Request, nonce: str, status: int = 401, more: str = "") -> None:
        name = "Proxy_Authenticate" if status == 407 else "WWW_Authenticate"
        text = f'Digest realm="pbx", nonce="{nonce}", qop="auth"{more}'
        self.answer(request, status, **{name: text})

    @property
    def stage(self) -> Stage:
        return self.client.registrations["pbx"].stage


def test_the_registration_is_renewed_at_four_fifths_of_what_was_granted() -> None:
    office = Registrar(PBX)
    first = office.asked()
    assert (first.method, first.uri, first.get("Expires")) == ("REGISTER", "sip:192.0.2.9", "3600")
    assert first.get("To") == "<sip:router@192.0.2.9>"
    assert first.get("From").startswith("<sip:router@192.0.2.9>;tag=")
    assert first.get("Contact") == "<sip:router@192.0.2.1:5060>"
    office.accept(first, expires=100)
    assert office.told == [Registration(Stage.REGISTERED, 100)]
    office.pass_time(79.9)
    assert office.flow().sent == []
    office.pass_time(0.2)
    second = office.asked()
    assert (second.call_id, second.cseq) == (first.call_id, (2, "REGISTER"))


@pytest.mark.parametrize(("status", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")])
def test_a_demand_for_the_password_is_answered(status: int, header: str) -> None:
    office = Registrar(PBX)
    office.challenge(office.asked(), "n1", status)
    again = office.asked()
    assert again.cseq == (2, "REGISTER")
    assert 'username="router", realm="pbx", nonce="n1", uri="sip:192.0.2.9"' in again.get(header)
    assert "nc=00000001" in again.get(header)
    office.accept(again)
    assert office.stage is Stage.REGISTERED


def test_a_nonce_that_was_good_is_used_again_until_it_is_refused() -> None:
    office = Registrar(PBX)
    office.challenge(office.asked(), "n1")
    office.accept(office.asked(), expires=100)
    office.pass_time(80.1)
    renewal = office.asked()
    assert 'nonce="n1"' in renewal.get("Authorization")
    assert "nc=00000002" in renewal.get("Authorization")
    office.challenge(renewal, "n2")
    again = office.asked()
    assert 'nonce="n2"' in again.get("Authorization")
    assert "nc=00000001" in again.get("Authorization")


def test_a_wrong_password_is_tried_once_and_then_only_after_a_pause() -> None:
    office = Registrar(PBX)
    office.challenge(office.asked(), "n1")
    office.challenge(office.asked(), "n2")
    assert office.told == [Registration(Stage.FAILED, problem="401 Unauthorized")]
    assert office.flow().sent == []
    office.pass_time(9.9)
    assert office.flow().sent == []
    office.pass_time(0.2)
    assert office.asked().cseq == (3, "REGISTER")


def test_the_same_nonce_is_not_answered_twice() -> None:
    office = Registrar(PBX)
    office.challenge(office.asked(), "n1")
    office.challenge(office.asked(), "n1", more=", stale=true")
    assert office.stage is Stage.FAILED


def test_a_stale_nonce_is_replaced_at_once_but_not_for_ever() -> None:
    office = Registrar(PBX)
    office.challenge(office.asked(), "n1")
    office.challenge(office.asked(), "n2", more=", stale=true")
    again = office.asked()
    assert 'nonce="n2"' in again.get("Authorization")
    office.challenge(again, "n3", more=", stale=true")
    office.challenge(office.asked(), "n4", more=", stale=true")
    assert office.stage is Stage.FAILED
    assert office.flow().sent == []


@pytest.mark.parametrize("peer", [replace(PBX, user=""), replace(PBX, realm="another")])
def test_credentials_that_are_not_for_this_realm_are_not_shown(peer: Peer) -> None:
    office = Registrar(peer)
    office.challenge(office.asked(), "n1")
    assert office.flow().sent == []
    assert office.stage is Stage.FAILED


def test_an_expiry_that_is_too_short_is_raised_as_the_pbx_says() -> None:
    office = Registrar(PBX)
    office.answer(office.asked(), 423, Min_Expires="7200")
    again = office.asked()
    assert again.get("Expires") == "7200"
    office.answer(again, 423, Min_Expires="7200")
    assert office.stage is Stage.FAILED


@pytest.mark.parametrize("minimum", ["", "60", "abc", "99999999"])
def test_a_minimum_that_makes_no_sense_is_a_failure(minimum: str) -> None:
    office = Registrar(PBX)
    office.answer(office.asked(), 423, Min_Expires=minimum)
    assert office.told == [Registration(Stage.FAILED, problem="423 Interval Too Brief")]


def test_failures_are_tried_again_ever_more_slowly() -> None:
    office = Registrar(PBX)
    for pause in (10, 20, 40, 80, 160, 300, 300):
        office.answer(office.asked(), 500)
        office.pass_time(pause - 0.1)
        assert office.flow().sent == []
        office.pass_time(0.2)
    office.accept(office.asked(), expires=10)
    office.pass_time(8.1)
    office.answer(office.asked(), 500)
    office.pass_time(10.1)
    assert office.asked().method == "REGISTER"


def test_jitter_shortens_a_pause_to_its_half() -> None:
    office = Registrar(PBX, jitter=0.0)
    office.answer(office.asked(), 500)
    office.pass_time(5.1)
    assert office.asked().method == "REGISTER"


def test_retry_after_is_obeyed_within_the_bound() -> None:
    office = Registrar(PBX)
    office.answer(office.asked(), 503, Retry_After="60 (maintenance)")
    office.pass_time(59)
    assert office.flow().sent == []
    office.pass_time(1.1)
    office.answer(office.asked(), 503, Retry_After="86400")
    office.pass_time(300.1)
    assert office.asked().method == "REGISTER"


def test_silence_is_a_failure() -> None:
    office = Registrar(PBX)
    office.pass_time(32.1)
    assert office.told == [Registration(Stage.FAILED, problem="no response")]


def test_a_peer_that_cannot_be_reached_is_tried_again() -> None:
    office = Registrar()
    office.network.closed.add("192.0.2.9")
    office.client.use([PBX])
    assert office.told == [Registration(Stage.FAILED, problem="no way to 192.0.2.9")]
    office.network.closed.clear()
    office.pass_time(10.1)
    assert office.asked().method == "REGISTER"


def test_a_registration_for_no_time_is_none() -> None:
    office = Registrar(PBX)
    office.accept(office.asked(), expires=0)
    assert office.stage is Stage.FAILED


def test_at_the_end_we_unregister_password_included() -> None:
    office = Registrar(PBX)
    office.accept(office.asked())
    office.client.close()
    leaving = office.asked()
    assert leaving.get("Expires") == "0"
    assert not office.client.closed
    office.challenge(leaving, "n1")
    office.answer(office.asked(), 200)
    assert office.client.closed
    office.pass_time(6)
    assert (office.clock.running, len(office.transactions)) == (0, 0)


@pytest.mark.parametrize("status", [403, 500, 423])
def test_a_pbx_that_will_not_let_us_go_does_not_hold_us(status: int) -> None:
    office = Registrar(PBX)
    office.accept(office.asked())
    office.client.close()
    office.answer(office.asked(), status)
    assert office.client.closed
    office.pass_time(33)
    assert office.clock.running == 0


def test_what_was_still_under_way_at_the_end_is_undone_too() -> None:
    office = Registrar(PBX)
    first = office.asked()
    office.client.close()
    leaving = office.asked()
    office.accept(first)
    assert not office.client.closed
    office.answer(leaving, 200)
    assert office.client.closed
    assert office.told == [Registration(Stage.ENDED)]


def test_a_request_that_was_given_up_says_nothing_of_the_one_after_it() -> None:
    office = Registrar(PBX)
    office.pass_time(10)
    office.client.close()
    office.pass_time(25)
    assert not office.client.closed
    office.pass_time(10)
    assert office.client.closed


def test_peers_that_do_not_want_it_are_left_alone() -> None:
    office = Registrar(replace(PBX, register=False))
    assert office.network.flows == {}
    assert office.client.registrations == {}


def test_another_password_registers_anew_and_the_same_peer_does_not() -> None:
    office = Registrar(PBX)
    office.accept(office.asked())
    office.client.use([PBX])
    assert office.flow().sent == []
    office.client.use([replace(PBX, password="new")])
    assert [message.get("Expires") for message in office.flow().taken()] == ["0", "3600"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Contact": ["<sip:r@192.0.2.1:5060>;expires=60"], "Expires": ["90"]}, 60),
        ({"Contact": ["<sip:r@192.0.2.1:5060;ob>;q=0.5;expires=60"]}, 60),
        ({"Contact": ["<sip:x@192.0.2.1:5060>;expires=60", "<sip:y@h>"], "Expires": ["90"]}, 90),
        ({"Contact": ["<sip:r@198.51.100.1:1024>;expires=60"], "Expires": ["90"]}, 60),
        ({"Contact": ["<sip:r@192.0.2.1:5060>"], "Expires": ["90"]}, 90),
        ({"Contact": ["nonsense", "<sip:r@192.0.2.1:5060>;expires=x"]}, 3600),
        ({}, 3600),
        ({"Expires": ["99999999999"]}, 604800),
    ],
)
def test_how_long_it_lasts_is_what_the_pbx_says_of_our_contact(
    headers: dict[str, list[str]], seconds: int
) -> None:
    assert granted(Response(200, "OK", headers), "sip:r@192.0.2.1:5060", 3600) == seconds

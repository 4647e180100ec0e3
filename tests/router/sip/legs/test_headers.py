"""What of the caller's INVITE the phone gets to see, and what a phone's refusal tells."""

from __future__ import annotations

import pytest

from router.model import Peer as Pbx
from tests.router.sip.legs.house import House
from tests.sip.bridge import AGENT
from tests.sip.peer import Message, Peer, call


def passed(
    router: House, caller: Peer, phone: Peer, headers: list[str], *, peer: str = "", **dial: str
) -> Message:
    side = call(caller, router.port, headers=headers)
    told = router.wait("offered", call_id=side.call_id)
    shown = {"number": told["number"], "name": told["name"], **dial}
    router.do("dial", leg=AGENT, target=phone.uri, peer=peer, offer_of=told["leg"], **shown)
    return phone.receive("INVITE")


@pytest.mark.parametrize(
    "line",
    [
        "Alert-Info: <http://www.example.org/sounds/moo.wav>",
        "Alert-Info: <urn:alert:service:call-waiting@x>;info=alert-autoanswer",
        "Call-Info: <http://wwww.example.org/alice/photo.jpg>;purpose=icon",
        "Subject: Tech Support, üçö",
        "Priority: emergency",
        "User-To-User: 56a390f3d2b7310023a2;encoding=hex;content=foo",
        "Accept-Language: da, en-gb;q=0.8, en;q=0.7",
    ],
)
def test_what_is_meant_for_the_phone_passes(router: House, caller: Peer, phone: Peer, line: str) -> None:
    name, _, value = line.partition(": ")
    assert passed(router, caller, phone, [line]).all(name) == [value]


def test_duplicates_and_their_order_are_kept(router: House, caller: Peer, phone: Peer) -> None:
    rings = ["<http://a.example/1>", "<http://a.example/2>", "<http://a.example/1>"]
    invite = passed(router, caller, phone, [f"Alert-Info: {ring}" for ring in rings])
    assert invite.all("Alert-Info") == rings


@pytest.mark.parametrize(
    "line",
    ["X-Secret: 1", "Route: <sip:192.0.2.1;lr>", "Proxy-Authorization: Digest x", "Server: PBX", "Date: x"],
)
def test_what_was_meant_for_us_does_not_pass(router: House, caller: Peer, phone: Peer, line: str) -> None:
    assert passed(router, caller, phone, [line])[line.partition(":")[0]] == ""


@pytest.mark.parametrize(("came", "goes"), [("70", "69"), ("1", "0"), ("12", "11"), ("nonsense", "69")])
def test_forwards_are_counted(router: House, caller: Peer, phone: Peer, came: str, goes: str) -> None:
    assert passed(router, caller, phone, [f"Max-Forwards: {came}"])["Max-Forwards"] == goes


def test_earlier_forwardings_are_kept_and_ours_is_put_on_top(
    router: House, caller: Peer, phone: Peer
) -> None:
    came = ["<sip:1@h>;reason=user-busy", "<sip:2@h>;reason=no-answer"]
    invite = passed(
        router, caller, phone, [f"Diversion: {one}" for one in came], peer="pbx", diverted_by="500"
    )
    first, *others = invite.all("Diversion")
    assert first.startswith("<sip:500@")
    assert others == came


def test_history_is_kept_and_extended(router: House, caller: Peer, phone: Peer) -> None:
    came = ["<sip:1@h>;index=1", "<sip:2@h;cause=302>;index=1.1;mp=1"]
    invite = passed(
        router, caller, phone, [f"History-Info: {', '.join(came)}"], peer="pbx", diverted_by="500"
    )
    entries = invite.all("History-Info")
    assert entries[:2] == came
    assert any(phone.uri in entry for entry in entries[2:])


def known(router: House) -> None:
    router.signalling.peering.use([Pbx(name="pbx", host="127.0.0.1", ping_s=0)], ["127.0.0.0/8"])


def test_a_private_caller_is_anonymous_to_a_phone_and_named_to_the_pbx(
    router: House, caller: Peer, phone: Peer
) -> None:
    known(router)
    lines = ["Privacy: id", 'P-Asserted-Identity: "Zoe" <sip:+41441112233@h>']
    phones = passed(router, caller, phone, lines)
    assert phones["From"].startswith('"Anonymous" <sip:anonymous@anonymous.invalid>')
    assert phones["P-Asserted-Identity"] == ""
    assert phones["Privacy"] == "id"
    assert "41441112233" not in phones["From"] + phones["Contact"]
    router.forget()
    other = router.peer()
    side = call(router.peer(), router.port, headers=lines)
    told = router.wait("offered", call_id=side.call_id)
    router.do(
        "dial", leg=9, target=other.uri, peer="pbx", offer_of=told["leg"], number=told["number"], name="Zoe"
    )
    pbxs = other.receive("INVITE")
    assert pbxs["P-Asserted-Identity"] == '"Zoe" <sip:+41441112233@h>'
    assert pbxs["Privacy"] == "id"


def test_a_number_that_is_not_the_callers_is_shown_as_it_is(router: House, caller: Peer, phone: Peer) -> None:
    invite = passed(router, caller, phone, ["Privacy: id"], number="500", name="Voicemail")
    assert invite["From"].startswith('"Voicemail" <sip:500@')


@pytest.mark.parametrize(
    ("contacts", "first"),
    [
        (["Contact: <sip:701@127.0.0.1:9>;q=0.5, <sip:702@127.0.0.1:9>"], "sip:701@127.0.0.1:9"),
        (['Contact: "A, B" <sip:701@127.0.0.1;user=phone>'], "sip:701@127.0.0.1;user=phone"),
        (["Contact: <tel:+41441112233>"], "tel:+41441112233"),
        ([], ""),
    ],
)
@pytest.mark.parametrize("status", [301, 302])
def test_where_a_phone_forwards_to_is_told(
    router: House, caller: Peer, phone: Peer, *, contacts: list[str], first: str, status: int
) -> None:
    invite = passed(router, caller, phone, [])
    respond_without_contact(phone, invite, status, contacts)
    assert router.wait("refused", leg=AGENT, status=status)["contact"] == first


def respond_without_contact(phone: Peer, invite: Message, status: int, headers: list[str]) -> None:
    send, own = phone.send, f"Contact: <{phone.uri}>\r\n"
    phone.send = lambda data, to: send(data.replace(own, ""), to)
    phone.respond(invite, status, headers=headers)
    del phone.send


def test_a_refusal_that_is_no_forwarding_tells_no_contact(router: House, caller: Peer, phone: Peer) -> None:
    invite = passed(router, caller, phone, [])
    phone.respond(invite, 486)
    assert router.wait("refused", leg=AGENT, status=486)["contact"] == ""


def test_our_requests_within_a_call_name_us(router: House, caller: Peer, phone: Peer) -> None:
    invite = passed(router, caller, phone, [])
    assert invite["Contact"] == "<sip:callisto@127.0.0.1:5060>"
    assert invite["To"] == f"<{phone.uri}>"
    assert invite.uri == phone.uri
    assert "REFER" in invite["Allow"]


def test_requests_follow_the_route_that_was_recorded(router: House, caller: Peer, phone: Peer) -> None:
    """RFC 3261 section 12.1.2: the caller of a dialog keeps the recorded route in reverse."""
    invite = passed(router, caller, phone, [])
    proxy = router.peer()
    routes = ["<sip:192.0.2.2;lr>", f"<sip:127.0.0.1:{proxy.port};lr>"]
    phone.respond(invite, 180, headers=[f"Record-Route: {', '.join(routes)}", "Require: 100rel", "RSeq: 1"])
    asked = proxy.receive("PRACK")
    assert asked.all("Route") == routes[::-1]
    assert asked.uri == phone.uri


def test_the_route_a_caller_came_by_is_kept(router: House, caller: Peer, phone: Peer) -> None:
    proxy = router.peer()
    line = f"Record-Route: <sip:127.0.0.1:{proxy.port};lr>, <sip:192.0.2.2;lr>"
    side = call(caller, router.port, headers=[line])
    leg = router.wait("offered", call_id=side.call_id)["leg"]
    router.do("dial", leg=AGENT, target=phone.uri, offer_of=leg)
    invite = phone.receive("INVITE")
    assert invite["Record-Route"] == ""
    phone.respond(invite, 200, "v=0\r\n")
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=leg, agent=AGENT)
    ok = caller.receive(200)
    assert ok["Record-Route"] == line.partition(": ")[2]
    side.answered(ok)
    phone.dialog_of(invite).request("BYE")
    assert proxy.receive("BYE").all("Route") == [f"<sip:127.0.0.1:{proxy.port};lr>", "<sip:192.0.2.2;lr>"]

"""The engine on the real SIP side, in memory: rules, legs and messages together."""

from __future__ import annotations

from router.engine import Engine
from router.model import Group, Peer, Settings
from tests.fakes.records import KeptRecords, Published
from tests.router.office import AWAY, group, office, person
from tests.router.sip.legs.house import HOST, House
from tests.sip.peer import ANSWER, OFFER, Dialog, Message, call
from tests.sip.peer import Peer as Far

MOVED = ANSWER.replace("o=- 23 1", "o=- 77 1").replace("50000", "50070")


class WholeHouse(House):
    """A caller, and the phones of M, B and C; `pbx`: where numbers go."""

    def __init__(self) -> None:
        super().__init__()
        self.caller, self.m, self.b, self.c, self.pbx = (self.peer() for _ in range(5))
        self.records, self.published = KeptRecords(), Published()

    def open(self, board: Group, **table: object) -> Engine:
        if "peers" not in table:
            table["peers"] = (Peer("pbx", HOST, self.pbx.port, ping_s=0),)
        table = {"settings": Settings(bridge_transfer=True), **table}
        complete = office(board, **table)
        engine = Engine(self.signalling, self.clock, self.records, self.published, complete)
        self.signalling.peering.use(complete.peers, ["any"])
        self.signalling.attach(engine)
        return engine

    def phone(self, user: str, far: Far, **more: object) -> object:
        return person(user, address=f"sip:{user}@{HOST}:{far.port}", **more)

    def answered(self, far: Far) -> tuple[Dialog, Dialog]:
        """The caller's call is taken by this phone; both sides of it."""
        side = call(self.caller, self.port, "200")
        invite = far.receive("INVITE")
        far.respond(invite, 180)
        self.caller.receive(180)
        far.respond(invite, 200, ANSWER)
        far.receive("ACK")
        side.answered(self.caller.receive(200))
        return side, far.dialog_of(invite)

    def hangs_up(self, side: Dialog, other: Far) -> None:
        side.request("BYE")
        side.peer.receive(200)
        other.respond(other.receive("BYE"), 200)
        self.nothing_is_left()

    def steps(self) -> list[str]:
        (record,) = self.records.kept
        return [step["text"] for step in record["steps"]]


def board(house: WholeHouse, **more: object) -> Group:
    manager = house.phone("M", house.m, number="20")
    people = [house.phone("B", house.b, number="21"), house.phone("C", house.c, number="22")]
    return group(manager, people, **more)  # type: ignore[arg-type]


def forwards(far: Far, invite: Message, contact: str) -> None:
    """302 with this Contact alone."""
    kept = [f"{name}: {invite[name]}" for name in ("Via", "From", "Call-ID", "CSeq")]
    lines = ["SIP/2.0 302 Moved", *kept, f"To: {invite['To']};tag=moved", f"Contact: {contact}"]
    far.send("\r\n".join([*lines, "Content-Length: 0", "", ""]), invite.source)


def notified(far: Far) -> str:
    notify = far.receive("NOTIFY")
    far.respond(notify, 200)
    return notify.body.strip()


def test_assistant_transfers_a_call_to_the_manager() -> None:
    house = WholeHouse()
    people = [house.phone("B", house.b)]
    house.open(group(house.phone("M", house.m, presence=AWAY, number="20"), people))  # type: ignore[arg-type]
    side, b_side = house.answered(house.b)
    b_side.request("REFER", headers=["Refer-To: <sip:20@127.0.0.1>"])
    house.b.receive(202)
    assert notified(house.b) == "SIP/2.0 100 Trying"
    invite = house.m.receive("INVITE")
    house.m.respond(invite, 180)
    assert notified(house.b) == "SIP/2.0 180 Ringing"
    house.m.respond(invite, 200, MOVED)
    house.m.receive("ACK")
    moved = house.caller.receive("INVITE")
    assert moved.body == MOVED
    house.caller.respond(moved, 200, OFFER)
    house.caller.receive("ACK")
    assert notified(house.b) == "SIP/2.0 200 OK"
    house.b.respond(house.b.receive("BYE"), 200)
    house.hangs_up(side, house.m)
    assert house.records.kept[0]["agent"] == "M"


def test_phone_that_forwards_is_followed_through_the_trunk() -> None:
    house = WholeHouse()
    house.open(board(house))
    side = call(house.caller, house.port, "200")
    invite = house.m.receive("INVITE")
    forwards(house.m, invite, "<sip:0791112233@192.0.2.9>")
    house.m.receive("ACK")
    forwarded = house.pbx.receive("INVITE")
    assert forwarded.uri.startswith("sip:0791112233@")
    assert "20" in forwarded["Diversion"]
    house.pbx.respond(forwarded, 200, ANSWER)
    house.pbx.receive("ACK")
    side.answered(house.caller.receive(200))
    house.hangs_up(side, house.pbx)
    assert "M forwards the call to 0791112233: rings there" in house.steps()


def test_announcement_without_a_media_server_costs_no_call() -> None:
    house = WholeHouse()
    house.open(board(house, announcement="/nowhere/welcome.wav"))
    side, _ = house.answered(house.m)
    house.hangs_up(side, house.m)
    assert "announcement: there is no media server; the call goes on" in house.steps()


def test_phone_that_takes_no_direct_speech_is_given_up_without_a_media_server() -> None:
    house = WholeHouse()
    house.open(board(house))
    side = call(house.caller, house.port, "200")
    for far, status in ((house.m, 488), (house.b, 200)):
        invite = far.receive("INVITE")
        far.respond(invite, status, ANSWER if status == 200 else "")
        far.receive("ACK")
    side.answered(house.caller.receive(200))
    house.hangs_up(side, house.b)
    steps = house.steps()
    assert any("M is rung once more through the media server" in text for text in steps)
    assert any("M could not be rung (503 there is no media server)" in text for text in steps)


def handed(house: WholeHouse) -> tuple[Dialog, Message]:
    """A call that came through the PBX, answered there, and the REFER it gets."""
    peers = (Peer("pbx", HOST, house.pbx.port, ping_s=0),)
    house.open(group(person("M", address="20")), peers=peers, settings=Settings())
    side, _ = house.answered(house.pbx)
    return side, house.caller.receive("REFER")


def test_answered_call_is_handed_over_to_the_pbx() -> None:
    house = WholeHouse()
    side, refer = handed(house)
    assert "Replaces" in refer["Refer-To"]
    house.caller.respond(refer, 202)
    over = ["Event: refer", "Subscription-State: terminated;reason=noresource"]
    side.request("NOTIFY", "SIP/2.0 200 OK\r\n", headers=over)
    house.caller.receive(200)
    for far in (house.caller, house.pbx):
        far.respond(far.receive("BYE"), 200)
    house.nothing_is_left()
    (record,) = house.records.kept
    assert (record["result"], record["agent"]) == ("answered", "M")
    assert house.steps()[-1] == "pbx has taken the call over; how long they talk is not known here"


def test_call_that_the_pbx_does_not_take_stays() -> None:
    house = WholeHouse()
    side, refer = handed(house)
    house.caller.respond(refer, 603)
    house.turn()
    house.pass_time(30)
    house.hangs_up(side, house.pbx)
    assert house.records.kept[0]["talk_s"] >= 30
    assert "the call stays on this router: pbx refuses it (603 Because)" in house.steps()

"""Whatever comes in whatever order: at the end no leg, tag, timer or transaction is left, and nobody was told
anything of a leg after its end."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.router.sip.legs.house import House
from tests.sip.peer import ANSWER, OFFER, Dialog, Message, Peer, call, parse

FIRST_INCOMING = 1 << 32
STATUSES = (100, 180, 183, 200, 200, 200, 302, 401, 408, 422, 481, 486, 487, 488, 491, 500, 503, 603)
HEADERS = (
    [],
    [],
    ["Require: 100rel", "RSeq: 1"],
    ["Require: 100rel", "RSeq: 2"],
    ["Allow: INVITE, UPDATE"],
    ["Session-Expires: 100;refresher=uac"],
    ["Min-SE: 200"],
    ['WWW-Authenticate: Digest realm="x", nonce="y"'],
)
CALLS = ([], ["Supported: 100rel"], ["Require: 100rel"], ["Supported: timer", "Session-Expires: 100"])
METHODS = (
    "INVITE",
    "INVITE",
    "UPDATE",
    "INFO",
    "BYE",
    "REFER",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "ACK",
    "CANCEL",
    "FOO",
)
ACTIONS = 22
SECONDS = (0.3, 0.6, 1.6, 2, 9, 33, 70)


@dataclass
class Far:
    """A far end and what it has got so far."""

    peer: Peer
    requests: list[Message] = field(default_factory=list)
    responses: list[Message] = field(default_factory=list)
    dialogs: list[Dialog] = field(default_factory=list)

    def read(self) -> None:
        while self.peer.sock.came:
            message = parse(self.peer.sock.came.popleft(), ("127.0.0.1", 5060))
            (self.responses if message.status else self.requests).append(message)
            if message.method == "INVITE" and not message.status and "tag=" not in message["To"]:
                self.dialogs.append(self.peer.dialog_of(message))


class Story:
    """One run: each action takes what it needs by chance, or does nothing when there is none."""

    def __init__(self) -> None:
        self.house = House()
        self.far = [Far(self.house.peer()) for _ in range(4)]
        self.next_leg = 0
        self.actions: list[Callable[[random.Random], None]] = [
            self.bridges,
            self.bridges,
            self.calls,
            self.dials,
            self.dials,
            self.responds,
            self.responds,
            self.responds,
            self.responds,
            self.connects,
            self.connects,
            self.asks,
            self.asks,
            self.asks,
            self.transfers,
            self.takes_over,
            self.acknowledges,
            self.acknowledges,
            self.commands,
            self.releases,
            self.loses,
            self.waits,
        ]
        assert len(self.actions) == ACTIONS

    def play(self, action: int, seed: int) -> None:
        self.actions[action](random.Random(seed))
        self.house.turn()
        for far in self.far:
            far.read()

    def calls(self, chance: random.Random) -> None:
        far = chance.choice(self.far)
        sdp = chance.choice((OFFER, OFFER, OFFER, ""))
        far.dialogs.append(call(far.peer, self.house.port, sdp=sdp, headers=chance.choice(CALLS)))

    def bridges(self, chance: random.Random) -> None:
        """A whole call, so that there is something to disturb."""
        here, there = chance.sample(self.far, 2)
        dialog = call(here.peer, self.house.port, sdp=chance.choice((OFFER, OFFER, "")))
        here.dialogs.append(dialog)
        self.house.turn()
        self.dial(self.legs(incoming=True)[-1:], [there.peer.uri])
        self.house.turn()
        there.read()
        invite = there.requests[-1] if there.requests else None
        if invite is None or invite.method != "INVITE":
            return
        there.peer.respond(invite, 200, ANSWER, headers=chance.choice(HEADERS))
        self.house.turn()
        self.connect(self.next_leg)
        here.read()
        if here.responses and here.responses[-1]["Call-ID"] == dialog.call_id:
            dialog.remote = here.responses[-1]["To"]
            dialog.request("ACK", ANSWER if chance.random() < 0.9 else "")

    def dial(self, callers: list[int], uris: list[str]) -> None:
        if callers:
            self.next_leg += 1
            first, *others = uris
            self.house.do("dial", leg=self.next_leg, target=first, others=others, offer_of=callers[0])

    def dials(self, chance: random.Random) -> None:
        far = chance.sample(self.far, chance.choice((1, 1, 2)))
        self.dial(self.legs(incoming=True)[-2:], [one.peer.uri for one in far])

    def responds(self, chance: random.Random) -> None:
        """To the latest requests that wait for a final response."""
        far = chance.choice(self.far)
        asked = [one for one in far.requests if one.method not in {"ACK", "CANCEL"}]
        if asked:
            request = chance.choice(asked[-3:])
            status = chance.choice(STATUSES)
            sdp = ANSWER if chance.random() < 0.8 and request.method in {"INVITE", "UPDATE"} else ""
            tag = far.peer.tag
            if chance.random() < 0.1:
                far.peer.tag += "x"
            far.peer.respond(request, status, sdp, headers=chance.choice(HEADERS))
            far.peer.tag = tag
            if status >= 200 and chance.random() < 0.9:
                far.requests.remove(request)

    def connects(self, chance: random.Random) -> None:
        agents = self.legs(incoming=False)
        callers = self.legs(incoming=True)
        if agents and callers and chance.random() < 0.4:  # taken from another caller
            self.house.do("connect", caller=chance.choice(callers[-3:]), agent=chance.choice(agents[-3:]))
        elif agents:
            self.connect(chance.choice(agents[-3:]))

    def connect(self, agent: int) -> None:
        leg = self.house.signalling._board.legs.get(agent)
        if leg is not None:
            self.house.do("connect", caller=leg.caller.id, agent=agent)

    def transfers(self, chance: random.Random) -> None:
        """The engine's part of a transfer that was asked for."""
        waiting = [leg for leg in self.house.signalling._board.referrals if leg.peer is not None]
        for leg in waiting[-1:]:
            self.house.do("accept_transfer", leg=leg.id, status=chance.choice((202, 202, 202, 403)))
            caller = leg.peer
            if caller is None:
                return
            self.dial([caller.id], [chance.choice(self.far).peer.uri])
            self.house.do("transfer_progress", leg=leg.id, status=chance.choice((180, 200, 486)))

    def asks(self, chance: random.Random) -> None:
        """A request within a dialog, from the far end."""
        far = chance.choice(self.far)
        if not far.dialogs:
            return
        dialog = chance.choice(far.dialogs[-2:])
        self.learn(far, dialog, chance)
        method = chance.choice(METHODS)
        headers = {
            "REFER": ["Refer-To: <sip:700@127.0.0.1?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>"],
            "PRACK": ["RAck: 1 1 INVITE"],
            "NOTIFY": ["Event: refer", f"Subscription-State: {chance.choice(('active', 'terminated'))}"],
        }.get(method, [])
        body = chance.choice((OFFER, ANSWER, "", ANSWER.replace("sendrecv", "sendonly")))
        if method == "NOTIFY":
            body = f"SIP/2.0 {chance.choice((100, 180, 200, 486))} x\r\n"
        dialog.request(method, body, headers=headers)

    def takes_over(self, chance: random.Random) -> None:
        far = chance.choice([one for one in self.far if one.dialogs] or self.far)
        if not far.dialogs:
            return
        side = far.dialogs[-1]
        self.learn(far, side, chance)
        ours, theirs = (value.partition(";tag=")[2] for value in (side.remote, side.local))
        value = f"Replaces: {side.call_id};to-tag={ours};from-tag={theirs}"
        by = chance.choice(self.far)
        by.dialogs.append(call(by.peer, self.house.port, sdp=chance.choice((OFFER, "")), headers=[value]))

    def acknowledges(self, chance: random.Random) -> None:
        """The ACK or PRACK that a response waits for."""
        far = chance.choice(self.far)
        waiting = [one for one in far.responses if one.method == "INVITE" and one.status > 100]
        if not waiting:
            return
        response = chance.choice(waiting[-3:])
        dialog = next((one for one in far.dialogs if one.call_id == response["Call-ID"]), None)
        if dialog is None:
            return
        sequence = dialog.sequence
        dialog.sequence = int(response["CSeq"].split()[0])
        if response.status >= 300:
            dialog.acknowledge_refusal(response)
        elif response.status >= 200:
            dialog.remote = response["To"]
            dialog.request("ACK", chance.choice(("", ANSWER)))
        elif response["RSeq"]:
            dialog.remote = response["To"]
            dialog.request("PRACK", headers=[f"RAck: {response['RSeq']} {dialog.sequence} INVITE"])
            return
        dialog.sequence = sequence

    def learn(self, far: Far, dialog: Dialog, chance: random.Random) -> None:
        tags = [
            one["To"]
            for one in far.responses
            if one["Call-ID"] == dialog.call_id and one.method == "INVITE" and "tag=" in one["To"]
        ]
        if tags and "tag=" not in dialog.remote:
            dialog.remote = chance.choice(tags)

    def commands(self, chance: random.Random) -> None:
        callers, agents = self.legs(incoming=True), self.legs(incoming=False)
        some = chance.choice([*callers, *agents, 77])
        match chance.randrange(7):
            case 0:
                self.house.do("alert", leg=some)
            case 1 if some in callers:
                self.house.do("refuse", leg=some, status=chance.choice((480, 486, 503)))
            case 2 | 3:
                self.house.do("accept_transfer", leg=some, status=chance.choice((202, 202, 403)))
            case 4:
                self.house.do("transfer_progress", leg=some, status=chance.choice((180, 200, 486)))
            case _ if callers and agents:
                self.house.do(
                    "hand_over",
                    caller=chance.choice(callers),
                    agent=chance.choice(agents),
                    replaces=chance.random() < 0.5,
                )

    def releases(self, chance: random.Random) -> None:
        legs = self.legs(incoming=True) + self.legs(incoming=False)
        if legs:
            leg = chance.choice(legs)
            self.release(leg)

    def release(self, leg: int) -> None:
        self.house.turn()
        if leg in self.house.signalling._board.legs:
            self.house.log.append({"event": "released", "leg": leg})
            self.house.do("release", leg=leg)

    def loses(self, chance: random.Random) -> None:
        seed = chance.random()
        share = chance.choice((0.0, 0.0, 0.3))
        dice = random.Random(seed)
        self.house.network.lose = lambda _data: dice.random() < share

    def waits(self, chance: random.Random) -> None:
        self.house.pass_time(chance.choice(SECONDS))

    def legs(self, *, incoming: bool) -> list[int]:
        return [leg for leg in self.house.signalling._board.legs if (leg >= FIRST_INCOMING) is incoming]

    def ends(self) -> None:
        """The engine lets go of what is left, and nobody says anything any more."""
        self.house.network.lose = lambda _data: False
        for leg in self.legs(incoming=False):
            self.release(leg)
        for leg in self.legs(incoming=True):
            self.house.do("refuse", leg=leg, status=480)
            self.release(leg)
        self.house.pass_time(150)
        self.house.nothing_is_left()

    def check_what_was_told(self) -> None:
        over: set[int] = set()
        for event in self.house.log:
            if "leg" not in event:
                continue
            assert event["leg"] not in over, (event, self.house.log)
            if event["event"] in {"ended", "refused", "released"}:
                over.add(event["leg"])


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, ACTIONS - 1), st.integers(0, 2**20)), min_size=5, max_size=60))
def test_after_any_order_of_events_nothing_is_left(actions: list[tuple[int, int]]) -> None:
    told(actions)


@pytest.mark.parametrize("seed", range(30))
def test_after_a_long_day_nothing_is_left(seed: int) -> None:
    chance = random.Random(seed)
    told([(chance.randrange(ACTIONS), chance.randrange(2**20)) for _ in range(250)])


def told(actions: list[tuple[int, int]]) -> None:
    problems: list[logging.LogRecord] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = problems.append
    root = logging.getLogger("router")
    root.addHandler(handler)
    try:
        story = Story()
        for action, seed in actions:
            story.play(action, seed)
        story.ends()
    finally:
        root.removeHandler(handler)
    assert [record.exc_info for record in problems] == []
    story.check_what_was_told()

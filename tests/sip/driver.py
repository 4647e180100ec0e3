"""The SIP side in a process of its own, driven by JSON lines, so that a test may kill, stop and measure it.

`python -P -m tests.sip.driver HOST PORT LEGS`. In: {"do": NAME, …}. Out: {"event": NAME, …}, {"reply": …}.
"""

from __future__ import annotations

import json
import logging
import os
import select
import sys
from typing import Any

from appliance.roles.timers import TimerHeap
from router.ports import Identity, IncomingCall, LegId, Media, Target, TransferRequest
from router.sip import agent
from router.sip.net import NetworkError
from router.sip.signalling import SipSignalling

TURN = 0.005
HOST = "127.0.0.1"


def say(**what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


class Telling:
    """A listener that repeats what it is told, or deals with every call by itself.

    `refusing`: turns it away. `routing`: dials that target and connects it, and says nothing.
    """

    def __init__(self) -> None:
        self.signalling: SipSignalling | None = None
        self.failing = False
        self.refusing = False
        self.routing = ""
        self._callers: dict[LegId, LegId] = {}

    def offered(self, call: IncomingCall) -> None:
        if self.failing:
            self.failing = False
            raise RuntimeError("broken for a test")
        if self.refusing and self.signalling:
            self.signalling.refuse(call.leg, 404)
            return
        if self.routing and self.signalling:
            leg = LegId(len(self._callers) + 1)
            self._callers[leg] = call.leg
            self.signalling.dial(leg, Target(self.routing), offer_of=call.leg, caller=call.caller)
            return
        say(
            event="offered",
            leg=call.leg,
            number=call.caller.number,
            name=call.caller.name,
            dialled=call.dialled,
            source=call.source,
            call_id=call.call_id,
        )

    def ringing(self, leg: LegId) -> None:
        if self.routing and self.signalling:
            self.signalling.alert(self._callers[leg])
            return
        say(event="ringing", leg=leg)

    def answered(self, leg: LegId) -> None:
        if self.routing and self.signalling:
            self.signalling.connect(self._callers[leg], leg)
            return
        say(event="answered", leg=leg)

    def refused(self, leg: LegId, status: int, reason: str, contact: str = "") -> None:
        say(event="refused", leg=leg, status=status, reason=reason, contact=contact)

    def ended(self, leg: LegId) -> None:
        say(event="ended", leg=leg)

    def announced(self, leg: LegId, problem: str) -> None:
        say(event="announced", leg=leg, problem=problem)

    def transfer_asked(self, leg: LegId, transfer: TransferRequest) -> None:
        say(
            event="transfer_asked",
            leg=leg,
            number=transfer.number,
            uri=transfer.uri,
            attended=transfer.attended,
            replaces=transfer.replaces,
        )

    def handed_over(self, caller: LegId, status: int, reason: str) -> None:
        say(event="handed_over", leg=caller, status=status, reason=reason)


def obey(signalling: SipSignalling, telling: Telling, command: dict[str, Any]) -> bool:  # noqa: PLR0912
    """Carry one command out; False to stop."""
    match command.pop("do"):
        case "dial":
            signalling.dial(
                LegId(command["leg"]),
                target_of(command["target"], command.get("peer", ""), *command.get("others", ())),
                offer_of=LegId(command["offer_of"]),
                caller=Identity(command.get("number", ""), command.get("name", "")),
                media=Media(command.get("media", "direct")),
                diverted_by=command.get("diverted_by", ""),
            )
        case "alert":
            signalling.alert(LegId(command["leg"]))
        case "refuse":
            signalling.refuse(
                LegId(command["leg"]), command["status"], retry_after=command.get("retry_after")
            )
        case "connect":
            signalling.connect(LegId(command["caller"]), LegId(command["agent"]))
        case "announce":
            signalling.announce(LegId(command["leg"]), command["file"], early=command["early"])
        case "hand_over":
            signalling.hand_over(
                LegId(command["caller"]), LegId(command["agent"]), replaces=command["replaces"]
            )
        case "accept_transfer":
            signalling.accept_transfer(LegId(command["leg"]), status=command["status"])
        case "transfer_progress":
            signalling.transfer_progress(LegId(command["leg"]), command["status"])
        case "release":
            signalling.release(LegId(command["leg"]))
        case "refuse_all":
            telling.refusing = command["on"]
        case "route_all":
            telling.routing = command["target"]
        case "break":
            broken(signalling, telling, command["what"])
        case "ask":
            say(reply=signalling.facts())
        case "close":
            return False
        case other:
            raise ValueError(f"no such command: {other}")
    return True


def target_of(uri: str, peer: str = "", *others: str) -> Target:
    return Target(uri, peer, tuple(Target(other, peer) for other in others))


def broken(signalling: SipSignalling, telling: Telling, what: str) -> None:
    """Let something go wrong that no far end can cause."""
    match what:
        case "listener":
            telling.failing = True
        case "patience":
            agent.FAILOVER = 0.2
        case other:
            raise ValueError(other)


def main() -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    telling = Telling()
    try:
        timers = TimerHeap()
        host, port, legs, *media = sys.argv[1:]
        signalling = SipSignalling(
            host,
            int(port),
            timers,
            listener=telling,
            most_legs=int(legs),
            media=(HOST, int(media[0])) if media else None,
        )
    except NetworkError as exc:
        say(event="failed", problem=str(exc))
        return 2
    telling.signalling = signalling
    say(event="ready", **signalling.facts())
    waiting = b""
    while True:
        signalling.pump(timers.wait(TURN))
        timers.turn()
        while select.select([0], [], [], 0)[0]:
            got = os.read(0, 65536)
            *lines, waiting = (waiting + got).split(b"\n")
            if not got or not all(obey(signalling, telling, json.loads(line)) for line in lines):
                signalling.close()
                say(event="closed")
                return 0


if __name__ == "__main__":
    sys.exit(main())

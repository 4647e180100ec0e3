"""The PJSUA adapter in its own process, driven by JSON lines: PJSUA2 cannot be started twice in one.

`python -P -m tests.sip.driver HOST PORT LEGS`. In: {"do": NAME, …}. Out: {"event": NAME, …}, {"reply": …}.
"""

from __future__ import annotations

import json
import logging
import os
import select
import sys
from typing import Any

import router.pjsua.call
import router.pjsua.signalling
from router.pjsua.signalling import EngineError, PjsuaSignalling
from router.ports import Identity, IncomingCall, LegId, Target

TURN = 0.005


def say(**what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


class Telling:
    """A listener that repeats what it is told, or deals with every call by itself.

    `refusing`: turns it away. `routing`: dials that target and connects it, and says nothing.
    """

    def __init__(self) -> None:
        self.signalling: PjsuaSignalling | None = None
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

    def refused(self, leg: LegId, status: int, reason: str) -> None:
        say(event="refused", leg=leg, status=status, reason=reason)

    def ended(self, leg: LegId) -> None:
        say(event="ended", leg=leg)


def obey(signalling: PjsuaSignalling, telling: Telling, command: dict[str, Any]) -> bool:
    """Carry one command out; False to stop."""
    match command.pop("do"):
        case "dial":
            signalling.dial(
                LegId(command["leg"]),
                Target(command["target"]),
                offer_of=LegId(command["offer_of"]),
                caller=Identity(command.get("number", ""), command.get("name", "")),
            )
        case "alert":
            signalling.alert(LegId(command["leg"]))
        case "refuse":
            signalling.refuse(
                LegId(command["leg"]), command["status"], retry_after=command.get("retry_after")
            )
        case "connect":
            signalling.connect(LegId(command["caller"]), LegId(command["agent"]))
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


def broken(signalling: PjsuaSignalling, telling: Telling, what: str) -> None:
    """Let something go wrong that no far end can cause."""
    match what:
        case "listener":
            telling.failing = True
        case "callback":
            router.pjsua.call.read_sdp = _raising
        case "patience":
            router.pjsua.signalling.SILENCE = 0.2
        case "end":
            signalling._legs.all()[0].call.detach()  # as if PJSIP had forgotten to report it
        case other:
            raise ValueError(other)


def _raising(message: str) -> str:
    raise RuntimeError(f"broken for a test: {message[:20]!r}")


def main() -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    telling = Telling()
    try:
        signalling = PjsuaSignalling(
            sys.argv[1], int(sys.argv[2]), listener=telling, most_legs=int(sys.argv[3])
        )
    except EngineError as exc:
        say(event="failed", problem=str(exc))
        return 2
    telling.signalling = signalling
    say(event="ready", **signalling.facts())
    waiting = b""
    while True:
        signalling.pump(TURN)
        while select.select([0], [], [], 0)[0]:
            got = os.read(0, 65536)
            *lines, waiting = (waiting + got).split(b"\n")
            if not got or not all(obey(signalling, telling, json.loads(line)) for line in lines):
                signalling.close()
                say(event="closed")
                return 0


if __name__ == "__main__":
    sys.exit(main())

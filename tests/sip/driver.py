"""The PJSUA adapter in its own process, driven by JSON lines: PJSUA2 cannot be started twice in one.

`python -P -m tests.sip.driver HOST PORT`. In: {"do": NAME, …}. Out: {"event": NAME, …}, {"reply": …}.
"""

from __future__ import annotations

import json
import logging
import os
import select
import sys
from typing import Any

from router.pjsua.signalling import EngineError, PjsuaSignalling
from router.ports import Identity, IncomingCall, LegId, Target

TURN = 0.005


def say(**what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


class Telling:
    """A listener that repeats what it is told. `refusing`: it also turns every call away."""

    def __init__(self) -> None:
        self.refusing: PjsuaSignalling | None = None

    def offered(self, call: IncomingCall) -> None:
        if self.refusing:
            self.refusing.refuse(call.leg, 404)
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
        say(event="ringing", leg=leg)

    def answered(self, leg: LegId) -> None:
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
            telling.refusing = signalling if command["on"] else None
        case "ask":
            say(reply=signalling.facts())
        case "close":
            return False
        case other:
            raise ValueError(f"no such command: {other}")
    return True


def main() -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    telling = Telling()
    try:
        signalling = PjsuaSignalling(sys.argv[1], int(sys.argv[2]), listener=telling)
    except EngineError as exc:
        say(event="failed", problem=str(exc))
        return 2
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

"""Handing an answered call to the PBX: REFER, the NOTIFYs that follow, and what comes of it.

RFC 3515, RFC 3891 (Replaces), RFC 5589 section 7 (attended transfer).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

from router.sip.agent import Agent
from router.sip.caller import Caller
from router.sip.leg import reply
from router.sip.message import Response
from router.sip.transactions import ServerTransaction

if TYPE_CHECKING:
    from router.ports import Timer

SILENCE = 8.0
"""Seconds without a word of the PBX after which the call stays bridged."""

_STATUS = re.compile(rb"\s*SIP/2\.0 ([1-6]\d\d)[ \t]*([^\r\n]{0,80})")

Outcome = Callable[["HandOver", int, str], None]
"""Status and reason phrase: 200 when the PBX has joined both sides."""


class HandOver:
    """One attempt. While it runs, `agent_left` is asked before the end of the agent's leg ends the call."""

    __slots__ = ("_done", "_timer", "_told", "agent", "caller", "replaces")

    def __init__(self, caller: Caller, agent: Agent, done: Outcome, *, replaces: bool) -> None:
        self.caller = caller
        self.agent = agent
        self.replaces = replaces
        self._done = done
        self._told = False
        self._timer: Timer | None = None
        request = caller.dialog.request("REFER")
        request.headers["Refer-To"] = [refer_to(agent, replaces=replaces)]
        request.headers["Referred-By"] = [caller.dialog.contact]
        caller.ask(request, self._accepted)
        self._wait()

    def notified(self, tx: ServerTransaction) -> None:
        """A NOTIFY of the caller's side came."""
        event = tx.request.get("Event").partition(";")[0].strip().lower()
        if event != "refer":
            reply(tx, 489, extra={"Allow-Events": ["refer"]})
            return
        reply(tx, 200)
        status, reason = sipfrag(tx.request.body)
        if status >= 200:
            self._end(200 if status < 300 else status, reason)
        elif status or tx.request.get("Subscription-State").lower().startswith("active"):
            self._wait()
        else:
            self._end(408, "the PBX does not say what came of it")

    def agent_left(self) -> bool:
        """The agent's leg was ended by the PBX, so replaced: whether that is the hand-over's doing."""
        if self._told or not self.replaces:
            return False
        self._end(200, "")
        return True

    def stop(self) -> None:
        self._told = True
        if self._timer is not None:
            self._timer.cancel()

    def _accepted(self, status: int, response: Response | None) -> None:
        if status >= 300:
            self._end(status, response.reason if response else "no response to the REFER")

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._told:
            self._timer = self.caller.stack.clock.call_later(SILENCE, self._silent)

    def _silent(self) -> None:
        self._timer = None
        self._end(408, "the PBX went silent")

    def _end(self, status: int, reason: str) -> None:
        if not self._told:
            self.stop()
            self._done(self, status, reason)


def refer_to(agent: Agent, *, replaces: bool) -> str:
    """The Refer-To value: the phone itself, or its dialog with us as it sees it (RFC 3891 section 3)."""
    if not replaces:
        return f"<{agent.uri}>"
    dialog = agent.dialog
    value = f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}"
    return f"<{dialog.target}?Replaces={quote(value, safe='')}>"


def sipfrag(body: bytes) -> tuple[int, str]:
    """Status and reason phrase of a message/sipfrag body (RFC 3420); 0 when there is none."""
    found = _STATUS.match(body)
    if found is None:
        return 0, ""
    return int(found[1]), found[2].decode(errors="replace").strip()

"""What watchers learn of a call while it lasts: its steps (topic "call"), what assistants see ("notice")."""

from __future__ import annotations

import logging
from typing import Any

from router.commands import Notify, NotifyAnswered
from router.live import LiveCall
from router.ports import Notifier

log = logging.getLogger(__name__)


class Bulletin:
    """Publishes; never raises: a watcher's trouble is none of the call's."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def step(self, live: LiveCall, at: float, text: str) -> None:
        """A step of the explanation, kept for the record too."""
        live.steps.append({"at_s": round(at, 3), "text": text})
        log.debug("call %s: %s", live.id, text)
        self._call(live, "step", text, at)

    def answered(self, live: LiveCall, at: float, by: str) -> None:
        self._call(live, "answered", by, at)

    def ended(self, live: LiveCall, at: float, result: str) -> None:
        # One line a call, not one a step: half a dozen lines cost a fifth of what the whole call costs.
        log.info("call %s: %s", live.id, "; ".join([str(step["text"]) for step in live.steps]))
        self._call(live, "ended", result, at)

    def turned_away(self, record: dict[str, Any], sip_call_id: str) -> None:
        """A call that reached no group's rules."""
        (step,) = record["steps"]
        log.info("call %s: %s", record["id"], step["text"])
        known = {key: record[key] for key in ("id", "group", "caller", "dialled")}
        known["sip_call_id"] = sip_call_id
        for event, text in (("step", step["text"]), ("ended", record["result"])):
            self._tell("call", {**known, "event": event, "text": text, "at_s": 0.0})

    def rings(self, live: LiveCall, notify: Notify) -> None:
        """Show the assistants the call, or who is rung for it now."""
        live.shown = True
        if not self._notifier.is_watched("notice"):
            return
        call, hidden = live.flow.call, notify.anonymous
        data: dict[str, object] = {
            "id": live.id,
            "event": "ringing",
            "group": call.group.name,
            "to": [person.user for person in call.group.assistants],
            "manager": call.group.manager.name if call.group.manager else "",
            "caller": "" if hidden else call.number,
            "caller_name": "" if hidden else call.name,
            "anonymous": hidden,
            "vip": call.vip is not None,
            "elapsed_s": round(notify.at, 3),
            "ringing": list(notify.ringing),
            "why": notify.why,
        }
        self._tell("notice", data)

    def taken(self, live: LiveCall, notify: NotifyAnswered) -> None:
        """Tell the assistants who has the call: it needs nobody any more."""
        data = {"by": notify.name, "by_user": notify.user, "elapsed_s": round(notify.at, 3)}
        self._over(live, "answered", data)

    def withdraw(self, live: LiveCall, at: float, why: str) -> None:
        self._over(live, "withdrawn", {"why": why, "elapsed_s": round(at, 3)})

    def _over(self, live: LiveCall, event: str, data: dict[str, object]) -> None:
        live.shown = False
        if not self._notifier.is_watched("notice"):
            return
        group = live.flow.call.group
        to = [person.user for person in group.assistants]
        self._tell("notice", {"id": live.id, "event": event, "group": group.name, "to": to, **data})

    def _call(self, live: LiveCall, event: str, text: str, at: float) -> None:
        if not self._notifier.is_watched("call"):
            return
        call = live.flow.call
        data: dict[str, object] = {
            "id": live.id,
            "group": call.group.name,
            "caller": call.shown_number,
            "dialled": call.dialled,
            "sip_call_id": live.incoming.call_id,
            "event": event,
            "text": text,
            "at_s": round(at, 3),
        }
        self._tell("call", data)

    def _tell(self, topic: str, data: dict[str, object]) -> None:
        try:
            self._notifier.publish(topic, data)
        except Exception:
            log.exception("call %s: not published", data["id"])

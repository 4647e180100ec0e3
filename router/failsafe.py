"""What is done when the rules cannot be used: the manager's phone is rung, whatever they would say."""

from __future__ import annotations

import logging
from datetime import datetime

from router import hunting
from router.announcing import HEARD
from router.call import Call, Opening
from router.lines import Lines
from router.live import LiveCall
from router.model import Group
from router.opening import opening
from router.ports import IncomingCall
from router.reception import Reception
from router.state import Flow, Stage

log = logging.getLogger(__name__)


class FailSafe:
    """`used`: calls that went to the manager's phone since the rules failed."""

    def __init__(self) -> None:
        self.used = 0

    def decide(
        self, reception: Reception, group: Group, incoming: IncomingCall, now: datetime, busy: Lines
    ) -> tuple[Call, Opening, int]:
        """The call, who is rung first, and how many phones at once. Raises what the rules raise when there is
        no way to the manager's phone either."""
        try:
            call = reception.call(group, incoming, now, busy)
            first = opening(call)
            return call, first, hunting.most_at_once(call, first)
        except Exception:
            safe = reception.fail_safe(group, incoming)
            if safe is None:
                raise
            log.exception("group %s: its data cannot be used, the call goes to the manager", group.name)
            self.used += 1
            return safe, opening(safe), 1

    def instead(self, live: LiveCall) -> Flow | None:
        """How a call whose rules have failed goes on; None when there is no way, or it has failed before."""
        flow = live.flow
        if live.connected or flow.call.is_fail_safe:
            return None
        try:
            safe = live.reception.fail_safe(flow.call.group, live.incoming)
        except Exception:
            log.exception("call %s: no way to the manager's phone", live.id)
            return None
        if safe is None:
            return None
        self.used += 1
        # The caller may be in the midst of the announcement, or have been answered for it.
        return Flow.of(safe).but(
            legs=flow.legs,
            timers=flow.timers,
            alerted=flow.picked_up,
            picked_up=flow.picked_up,
            plan=HEARD if flow.stage is Stage.ANNOUNCING else flow.plan,
        )

"""Calls that reach no group's rules: refused, and recorded while there are not too many of them."""

from __future__ import annotations

import logging
from collections.abc import Callable

from router import admission
from router.bulletin import Bulletin
from router.commands import Result
from router.live import refused_record
from router.ports import Clock, IncomingCall, Signalling

log = logging.getLogger(__name__)

REFUSALS_RECORDED = 20
"""Records a second of calls that reached no group: a scanner must not fill the store. The rest is counted."""


class Door:
    """`keep` stores a record and never raises. `unrecorded`: refusals beyond what is recorded."""

    def __init__(
        self,
        signalling: Signalling,
        clock: Clock,
        bulletin: Bulletin,
        keep: Callable[[dict[str, object]], None],
    ) -> None:
        self._signalling = signalling
        self._clock = clock
        self._bulletin = bulletin
        self._keep = keep
        self._second, self._count = 0, 0
        self.unrecorded = 0

    def turn_away(
        self,
        incoming: IncomingCall,
        status: int,
        because: str,
        *,
        caller: str,
        group: str = "",
        result: Result = Result.REFUSED,
    ) -> None:
        """`caller`: his number as it is shown."""
        retry_after = admission.RETRY_AFTER if status == 503 else None
        try:
            self._signalling.refuse(incoming.leg, status, retry_after=retry_after)
        except Exception:
            log.exception("SIP call %s: not refused", incoming.call_id)
        if not self._is_recorded():
            self.unrecorded += 1
            return
        record = refused_record(
            incoming, caller, self._clock.now(), group=group, status=status, result=result, because=because
        )
        self._keep(record)
        self._bulletin.turned_away(record, incoming.call_id)

    def _is_recorded(self) -> bool:
        this = int(self._clock.monotonic())
        self._second, self._count = this, self._count + 1 if self._second == this else 1
        return self._count <= REFUSALS_RECORDED

"""What the services tell of themselves while they live, and the restart of one for whoever asks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from appliance.control.protocol import RefusedError, Request
from appliance.control.server import Handler, Peer
from appliance.lifecycle import State
from appliance.services.ports import Unit, UnitFailedError
from appliance.services.steward import Steward

log = logging.getLogger(__name__)

CALLS = {Unit.ROUTER: "calls_now", Unit.MEDIA: "legs_in_use"}
"""The fact that tells how many calls a restart would end. These services have a limit of memory."""


class Reports:
    """Only the present process of a service is listened to. `heard` is to be set: it is told of each sign of
    life of one that is ready."""

    def __init__(self, services: Steward) -> None:
        self._services = services
        self._facts: dict[Unit, dict[str, object]] = {unit: {} for unit in Unit}
        self.heard: Callable[[Unit], None] = lambda _unit: None

    def facts(self, unit: Unit) -> Mapping[str, object]:
        """As told last; empty before."""
        return self._facts[unit]

    def calls(self, unit: Unit) -> int | None:
        """How many it has now; None while that is not known."""
        calls = self._facts[unit].get(CALLS[unit])
        return calls if isinstance(calls, int) else None

    def handlers(self) -> dict[str, Handler]:
        """For the control socket."""
        return {"ready": self._ready, "facts": self._told, "alive": self._alive, "restart": self._restart}

    def _ready(self, request: Request, peer: Peer) -> None:
        unit = _unit(request)
        facts = request.table("facts")
        if not self._services.ready(unit, peer.pid):
            raise RefusedError(f"pid {peer.pid} is not the present process of {unit}")
        self._facts[unit] = facts
        self.heard(unit)

    def _told(self, request: Request, peer: Peer) -> None:
        self._facts[self._alive(request, peer)] = request.table("facts")

    def _alive(self, request: Request, peer: Peer) -> Unit:
        unit = _unit(request)
        state = self._services.state(unit)
        if state.pid != peer.pid:
            raise RefusedError(f"pid {peer.pid} is not the present process of {unit}")
        if state.state is State.READY:
            self.heard(unit)
        return unit

    async def _restart(self, request: Request, peer: Peer) -> dict[str, object]:
        unit = _unit(request)
        log.info("restart of %s asked for by pid %d: %.200r", unit, peer.pid, request.args.get("reason"))
        began = time.monotonic()
        try:
            await self._services.restart(unit)
        except UnitFailedError as exc:
            raise RefusedError(str(exc), "the log says why; it is tried again") from exc
        return {"service": unit.value, "after_s": round(time.monotonic() - began, 2)}


def _unit(request: Request) -> Unit:
    name = request.text("service")
    try:
        return Unit(name)
    except ValueError:
        raise RefusedError(f"there is no service {name[:40]!r}", f"known are {', '.join(Unit)}") from None

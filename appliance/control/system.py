"""The supervisor's status for whoever shows it: `shell.ports.System` on the control socket."""

from __future__ import annotations

from appliance.control.client import ControlClient, ControlUnavailableError
from appliance.control.protocol import RefusedError
from shell.ports import Status, SystemUnavailableError

WITHIN = 2.0


class ControlSystem:
    def __init__(self, control: ControlClient) -> None:
        self._control = control

    async def status(self) -> Status:
        try:
            status: Status = await self._control.request("status", within=WITHIN)
        except (ControlUnavailableError, RefusedError) as exc:
            raise SystemUnavailableError(str(exc)) from exc
        return status

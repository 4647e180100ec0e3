"""The clock on the control socket: the supervisor's handlers, and the port `DateTime` by requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from appliance.control.client import ControlClient, ControlUnavailableError
from appliance.control.protocol import RefusedError, Request
from appliance.control.server import Handler, Peer
from shell.clock_data import decode, decode_check, encode, encode_check
from shell.clock_ports import ClockRefusedError, ClockState, DateTime, ServerCheck
from shell.ports import SystemUnavailableError

WITHIN = 12.0
"""A call of the machine's bus may take five seconds, and one request makes two of them."""
LONGEST_NAME = 253


class ControlDateTime:
    """Fulfils `DateTime`; the supervisor carries it out."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    async def state(self) -> ClockState:
        found = decode(await self._request("clock"))
        if found is None:
            raise SystemUnavailableError("it does not tell the time")
        return found

    async def set_time(self, at: datetime) -> None:
        await self._request("clock_set", at=at.isoformat())

    async def set_zone(self, name: str) -> None:
        await self._request("clock_zone", zone=name)

    async def set_sync(self, on: bool) -> None:
        await self._request("clock_sync", on=on)

    async def check(self, server: str) -> ServerCheck:
        found = decode_check(await self._request("clock_check", server=server))
        if found is None:
            raise SystemUnavailableError("it does not tell what the time server said")
        return found

    async def _request(self, name: str, **args: object) -> dict[str, Any]:
        try:
            found = await self._control.request(name, within=WITHIN, **args)
        except RefusedError as exc:
            raise ClockRefusedError(exc.error, exc.hint) from exc
        except ControlUnavailableError as exc:
            raise SystemUnavailableError(str(exc)) from exc
        return found if isinstance(found, dict) else {}


def handlers(clock: DateTime) -> dict[str, Handler]:
    """What the supervisor answers, by request."""

    async def state(_: Request) -> object:
        return encode(await clock.state())

    async def set_time(request: Request) -> None:
        await clock.set_time(_moment(request))

    async def set_zone(request: Request) -> None:
        await clock.set_zone(request.text("zone")[:LONGEST_NAME])

    async def set_sync(request: Request) -> None:
        on = request.args.get("on")
        if not isinstance(on, bool):
            raise RefusedError(f'{request.name}: the argument "on" must be true or false')
        await clock.set_sync(on)

    async def check(request: Request) -> object:
        return encode_check(await clock.check(request.text("server")[:LONGEST_NAME]))

    return {
        "clock": _handler(state),
        "clock_set": _handler(set_time),
        "clock_zone": _handler(set_zone),
        "clock_sync": _handler(set_sync),
        "clock_check": _handler(check),
    }


def _handler(carry_out: Callable[[Request], Awaitable[object]]) -> Handler:
    async def handle(request: Request, _: Peer) -> object:
        try:
            return await carry_out(request)
        except ClockRefusedError as exc:
            raise RefusedError(exc.message, exc.hint) from exc

    return handle


def _moment(request: Request) -> datetime:
    given = request.text("at")
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise RefusedError(f'{request.name}: "at" must be an ISO time with its offset')
    return at

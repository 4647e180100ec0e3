"""Traces on the control socket: what the supervisor answers. Who asks is in `trace_client`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from appliance.control.protocol import RefusedError, Request
from appliance.control.server import Handler, Peer
from appliance.trace.hub import Hub, Looking
from db.variables.states import Actor
from shell.trace.choice import Choice, decode
from shell.trace.record import to_wire
from shell.trace_data import decode_actor, decode_limits, encode_capture, encode_watcher
from shell.trace_ports import Limits, TraceRefusedError


def handlers(hub: Hub) -> dict[str, Handler]:
    """What the supervisor answers, by request."""

    async def look(request: Request) -> object:
        return _told(await hub.look(*_view(request), _number(request, "began")))

    async def renew(request: Request) -> object:
        return _told(await hub.renew(*_view(request), int(_number(request, "missed"))))

    async def leave(request: Request) -> None:
        hub.leave(request.text("view"))

    async def capture(request: Request) -> object:
        return await hub.capture(_choice(request), _who(request), _limits(request))

    async def stop(request: Request) -> None:
        hub.stop(request.text("capture"), str(request.args.get("user") or "somebody")[:100])

    async def mark(request: Request) -> None:
        hub.mark(request.text("text"), _who(request))

    async def watchers(_: Request) -> object:
        return [encode_watcher(watcher) for watcher in hub.watchers()]

    async def captures(_: Request) -> object:
        return [encode_capture(capture) for capture in await hub.captures()]

    async def read(request: Request) -> object:
        chunk = await hub.read(request.text("capture"), int(_number(request, "offset")))
        return {"data": chunk.data.decode("ascii", "replace"), "size": chunk.size}

    async def delete(request: Request) -> None:
        await hub.delete(request.text("capture"))

    carried_out = (look, renew, leave, capture, stop, mark, watchers, captures, read, delete)
    return {f"trace_{one.__name__}": _handler(one) for one in carried_out}


def _handler(carry_out: Callable[[Request], Awaitable[object]]) -> Handler:
    async def handle(request: Request, _: Peer) -> object:
        try:
            return await carry_out(request)
        except TraceRefusedError as exc:
            raise RefusedError(exc.message, exc.hint) from exc
        except ValueError as exc:
            raise RefusedError(f"{request.name}: {exc}") from exc

    return handle


def _view(request: Request) -> tuple[str, Choice, Actor, Limits | None]:
    return request.text("view")[:40], _choice(request), _who(request), _limits(request)


def _choice(request: Request) -> Choice:
    return decode(request.table("choice"))


def _who(request: Request) -> Actor:
    return decode_actor(request.table("who"))


def _limits(request: Request) -> Limits | None:
    return decode_limits(request.args.get("limits"))


def _number(request: Request, key: str) -> float:
    value = request.args.get(key)
    if not isinstance(value, int | float):
        raise RefusedError(f'{request.name}: the argument "{key}" must be a number')
    return float(value)


def _told(looking: Looking) -> dict[str, object]:
    return {
        "capture": looking.capture,
        "problem": looking.problem,
        "past": [to_wire(record) for record in looking.past],
        "ended": looking.ended,
    }

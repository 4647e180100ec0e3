"""Compact on the control socket: the supervisor's handlers, and the port `Compact` by requests.

compact_old   {}                                       -> {"old": […]}
compact       {"user": …, "address": …, "channel": …}  -> {"run": 2}
compact_run   {"run": 2, "doing": "…"} -> how far it is: waits a little until it does something else
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from appliance.compacting import Compactor
from appliance.control.actors import actor_of
from appliance.control.client import ControlClient, ControlUnavailableError
from appliance.control.protocol import RefusedError, Request
from appliance.control.server import Handler, Peer
from db.compacted import Old
from db.variables.states import Actor
from shell.compact_data import decode, decode_old, encode, encode_old
from shell.compact_ports import Compacting, CompactRefusedError
from shell.ports import SystemUnavailableError
from shell.reading import number, table, text

WITHIN = 35.0
"""The store may be busy for half a minute before it is refused."""
WAIT = 2.0


class ControlCompact:
    """Fulfils `Compact`; the supervisor carries it out."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    async def old(self) -> Sequence[Old]:
        return decode_old(await self._request("compact_old"), "old")

    async def run(self, actor: Actor) -> AsyncGenerator[Compacting, None]:
        who = {"user": actor.user, "address": actor.address, "channel": actor.channel}
        run = int(number(await self._request("compact", **who), "run") or 0)
        doing: str | None = None
        while True:
            found = await self._request("compact_run", run=run, doing=doing)
            result = table(found, "result")
            if result:
                yield Compacting("", decode(result))
                return
            if text(found, "doing") != doing:
                doing = text(found, "doing")
                yield Compacting(doing)

    async def _request(self, name: str, **args: object) -> dict[str, Any]:
        try:
            found = await self._control.request(name, within=WITHIN, **args)
        except RefusedError as exc:
            raise CompactRefusedError(exc.error, exc.hint) from exc
        except ControlUnavailableError as exc:
            raise SystemUnavailableError(str(exc)) from exc
        return found if isinstance(found, dict) else {}


def handlers(compactor: Compactor) -> dict[str, Handler]:
    """What the supervisor answers, by request."""

    async def old(_: Request, __: Peer) -> object:
        try:
            return {"old": encode_old(await compactor.old())}
        except CompactRefusedError as exc:
            raise RefusedError(exc.message, exc.hint) from exc

    def begin(request: Request, _: Peer) -> object:
        try:
            return {"run": compactor.begin(actor_of(request)).number}
        except CompactRefusedError as exc:
            raise RefusedError(exc.message, exc.hint) from exc

    async def follow(request: Request, _: Peer) -> object:
        run = compactor.last
        if run is None or run.number != number(request.args, "run"):
            raise RefusedError("there is no such run any more", "show audit tells what came of it")
        if run.now.doing == request.args.get("doing"):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT):
                    await run.after(run.now)
        if run.failure:
            raise RefusedError(run.failure.message, run.failure.hint)
        return {"doing": run.now.doing, "result": encode(run.now.result) if run.now.result else None}

    return {"compact_old": old, "compact": begin, "compact_run": follow}

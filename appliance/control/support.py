"""Support bundles on the control socket: the supervisor's handlers, and the port `Support` by requests.

support_make      {}                    -> {"making": 2}: a new one, or the one that is being made
support_progress  {"making": 2, "step": 5} -> how far it is: waits a little for another step
support_cancel    {"making": 2}
support_bundles   {}                    -> {"bundles": […]}
support_delete    {"bundle": "…"}
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Any

from appliance.control.client import ControlClient, ControlUnavailableError
from appliance.control.protocol import RefusedError, Request
from appliance.control.server import Handler, Peer
from appliance.support.desk import Desk, Making
from shell.ports import SystemUnavailableError
from shell.reading import instant, number, tables, text
from shell.support_ports import Bundle, Progress, SupportRefusedError

WITHIN = 5.0
WAIT = 2.0


class ControlSupport:
    """Fulfils `Support`; the supervisor carries it out."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    async def make(self) -> AsyncGenerator[Progress, None]:
        making = int(number(await self._request("support_make"), "making") or 0)
        step, done = -1, False
        try:
            while not done:
                found = await self._request("support_progress", making=making, step=step)
                progress = _decode(found)
                done = progress.bundle is not None
                if progress.step != step or done:
                    step = progress.step
                    yield progress
        except (SupportRefusedError, SystemUnavailableError):
            done = True
            raise
        finally:
            if not done:
                with contextlib.suppress(ControlUnavailableError):
                    await self._control.send("support_cancel", making=making)

    async def bundles(self) -> Sequence[Bundle]:
        return [_bundle(each) for each in tables(await self._request("support_bundles"), "bundles")]

    async def delete(self, name: str) -> None:
        await self._request("support_delete", bundle=name)

    async def _request(self, name: str, **args: object) -> dict[str, Any]:
        try:
            found = await self._control.request(name, within=WITHIN, **args)
        except RefusedError as exc:
            raise SupportRefusedError(exc.error, exc.hint) from exc
        except ControlUnavailableError as exc:
            raise SystemUnavailableError(str(exc)) from exc
        return found if isinstance(found, dict) else {}


def handlers(desk: Desk) -> dict[str, Handler]:
    """What the supervisor answers, by request."""

    def make(_: Request, __: Peer) -> object:
        return {"making": desk.begin().number}

    async def progress(request: Request, _: Peer) -> object:
        making = _present(desk, request)
        if making.progress.step == number(request.args, "step"):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT):
                    await making.after(making.progress)
        if making.failure:
            raise RefusedError(making.failure.message, making.failure.hint)
        return _encode(making.progress)

    def cancel(request: Request, _: Peer) -> None:
        making = _present(desk, request)
        if not making.done:
            making.cancel()

    async def bundles(_: Request, __: Peer) -> object:
        return {"bundles": [encode_bundle(each) for each in await desk.bundles()]}

    async def delete(request: Request, _: Peer) -> None:
        try:
            await desk.delete(request.text("bundle"))
        except SupportRefusedError as exc:
            raise RefusedError(exc.message, exc.hint) from exc

    return {
        "support_make": make,
        "support_progress": progress,
        "support_cancel": cancel,
        "support_bundles": bundles,
        "support_delete": delete,
    }


def _present(desk: Desk, request: Request) -> Making:
    making = desk.present
    if making is None or making.number != number(request.args, "making"):
        raise RefusedError("there is no such bundle any more", "make another one")
    return making


def encode_bundle(bundle: Bundle) -> dict[str, object]:
    """Also what `show bundles | json` shows."""
    return {"name": bundle.name, "size": bundle.size, "made": bundle.made.isoformat()}


def _bundle(found: Mapping[str, Any]) -> Bundle:
    made = instant(found, "made") or datetime.fromtimestamp(0).astimezone()
    return Bundle(text(found, "name"), int(number(found, "size") or 0), made)


def _encode(progress: Progress) -> dict[str, object]:
    return {
        "step": progress.step,
        "of": progress.of,
        "doing": progress.doing,
        "missing": list(progress.missing),
        "bundle": encode_bundle(progress.bundle) if progress.bundle else None,
    }


def _decode(found: Mapping[str, Any]) -> Progress:
    missing, bundle = found.get("missing"), found.get("bundle")
    return Progress(
        int(number(found, "step") or 0),
        int(number(found, "of") or 0),
        text(found, "doing"),
        tuple(map(str, missing)) if isinstance(missing, list) else (),
        _bundle(bundle) if isinstance(bundle, Mapping) else None,
    )

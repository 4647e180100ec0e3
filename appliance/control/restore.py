"""Restores on the control socket: the supervisor's handlers, and the port `Restore` by requests.

restore_rehearse {"user": …, "address": …, "channel": …, "archive": "…", "kinds": [], "password": ""}
                 -> {"plan": …}
restore_begin    the same -> {"restore": …}
restore_state    {"stamp": "…", "step": "…", "percent": 40}
                 -> {"restore": … | null}: waits a little for another
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from appliance.control.actors import actor_of
from appliance.control.client import ControlClient, ControlUnavailableError
from appliance.control.protocol import RefusedError, Request
from appliance.control.server import Handler, Peer
from db.backup.manifest import Kind
from db.errors import StoreError
from db.restore.plan import Plan, chosen, of_json
from db.variables.states import Actor
from shell.ports import SystemUnavailableError
from shell.reading import number, text
from shell.restore_ports import Restore, RestoreRefusedError, RestoreState

WITHIN = 15.0
READ_WITHIN = 3600.0
"""A large archive on a slow line."""
WAIT = 2.0
MOST = 1000
"""Entries of each list of a plan: a line on the socket holds a mebibyte."""


class ControlRestore:
    """Fulfils `Restore`; the supervisor carries it out."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    async def rehearse(self, actor: Actor, archive: str, kinds: Sequence[Kind], password: str) -> Plan:
        asked = _encoded(actor, archive, kinds, password)
        found = await self._request("restore_rehearse", READ_WITHIN, **asked)
        try:
            return of_json(found["plan"])
        except (KeyError, TypeError, ValueError) as exc:
            raise SystemUnavailableError("it does not tell what would change") from exc

    async def begin(self, actor: Actor, archive: str, kinds: Sequence[Kind], password: str) -> RestoreState:
        asked = _encoded(actor, archive, kinds, password)
        return _decode((await self._request("restore_begin", WITHIN, **asked)).get("restore"))

    async def state(self) -> RestoreState | None:
        found = (await self._request("restore_state", WITHIN)).get("restore")
        return _decode(found) if found else None

    async def follow(self) -> AsyncGenerator[RestoreState, None]:
        seen: RestoreState | None = None
        while True:
            found = (await self._request("restore_state", WITHIN, **_seen(seen))).get("restore")
            if not found:
                return
            state = _decode(found)
            if state != seen:
                seen = state
                yield state
            if state.done:
                return

    async def _request(self, name: str, within: float, **args: object) -> dict[str, Any]:
        try:
            found = await self._control.request(name, within=within, **args)
        except RefusedError as exc:
            raise RestoreRefusedError(exc.error, exc.hint) from exc
        except ControlUnavailableError as exc:
            raise SystemUnavailableError(str(exc)) from exc
        return found if isinstance(found, dict) else {}


def handlers(restore: Restore) -> dict[str, Handler]:
    """What the supervisor answers, by request."""

    async def rehearse(request: Request, _: Peer) -> object:
        with _refusals():
            plan = await restore.rehearse(*_asked(request))
        return {"plan": replace(plan, files=plan.files[:MOST], left_out=plan.left_out[:MOST]).as_json()}

    async def begin(request: Request, _: Peer) -> object:
        with _refusals():
            return {"restore": _encode(await restore.begin(*_asked(request)))}

    async def state(request: Request, _: Peer) -> object:
        present = await restore.state()
        args = request.args
        if present and not present.done and _seen(present).items() <= args.items():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT):
                    present = await _after(restore, present)
        return {"restore": _encode(present) if present else None}

    return {"restore_rehearse": rehearse, "restore_begin": begin, "restore_state": state}


async def _after(restore: Restore, seen: RestoreState) -> RestoreState:
    async with aclosing(restore.follow()) as states:
        async for state in states:
            if state != seen:
                return state
    return seen


def _seen(state: RestoreState | None) -> dict[str, Any]:
    return {"stamp": state.stamp, "step": state.step, "percent": state.percent} if state else {}


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (RestoreRefusedError, StoreError) as exc:
        raise RefusedError(exc.message, exc.hint) from exc


def _encoded(actor: Actor, archive: str, kinds: Sequence[Kind], password: str) -> dict[str, object]:
    who = {"user": actor.user, "address": actor.address, "channel": actor.channel}
    return {**who, "archive": archive, "kinds": list(kinds), "password": password}


def _asked(request: Request) -> tuple[Actor, str, tuple[Kind, ...], str]:
    kinds = request.args.get("kinds")
    return (
        actor_of(request),
        request.text("archive"),
        chosen(map(str, kinds) if isinstance(kinds, list) else ()),
        str(request.args.get("password") or ""),
    )


def _encode(state: RestoreState) -> dict[str, object]:
    return {**asdict(state), "began": state.began.isoformat()}


def _decode(found: object) -> RestoreState:
    if not isinstance(found, Mapping):
        raise SystemUnavailableError("it does not tell how far the restore is")
    try:
        began = datetime.fromisoformat(text(found, "began")).astimezone(UTC)
        kinds = chosen(map(str, found.get("kinds") or ()))
    except (ValueError, StoreError) as exc:
        raise SystemUnavailableError("it does not tell what the restore is of") from exc
    notes = found.get("notes")
    return RestoreState(
        text(found, "stamp"), text(found, "who"), began, text(found, "archive"), kinds,
        text(found, "step"), int(number(found, "percent") or 0), found.get("done") is not False,
        found.get("failed") is True, text(found, "saved"), text(found, "result"), text(found, "hint"),
        tuple(map(str, notes)) if isinstance(notes, list) else (),
    )  # fmt: skip

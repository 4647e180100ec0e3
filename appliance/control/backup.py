"""Backups on the control socket: the supervisor's handlers, and the port `Backup` by requests.

backup_begin   {"user": …, "address": …, "channel": …, "destination": "", "password": ""} -> {"backup": …}
backup_state   {"number": 2, "doing": "…", "percent": 40} -> {"backup": … | null}: waits a little for another
backup_kept    {} -> {"backups": […]}, newest first
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from appliance.control.actors import actor_of
from appliance.control.client import ControlClient, ControlUnavailableError
from appliance.control.protocol import RefusedError, Request
from appliance.control.server import Handler, Peer
from db.variables.states import Actor
from shell.backup_ports import BackupRefusedError, BackupState, KeptBackup
from shell.ports import SystemUnavailableError
from shell.reading import number, tables, text

if TYPE_CHECKING:
    # The shell has this module too: it needs none of what makes a backup.
    from appliance.backups import Backups

WITHIN = 15.0
WAIT = 2.0
MOST = 500
"""Backups that are listed: a line on the socket holds a mebibyte."""


class ControlBackup:
    """Fulfils `Backup`; the supervisor carries it out."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    async def begin(self, actor: Actor, destination: str, password: str) -> BackupState:
        who = {"user": actor.user, "address": actor.address, "channel": actor.channel}
        found = await self._request("backup_begin", **who, destination=destination, password=password)
        return _decode(found.get("backup"))

    async def state(self) -> BackupState | None:
        found = (await self._request("backup_state")).get("backup")
        return _decode(found) if found else None

    async def follow(self) -> AsyncGenerator[BackupState, None]:
        seen: BackupState | None = None
        while True:
            known = {"number": seen.number, "doing": seen.doing, "percent": seen.percent} if seen else {}
            found = (await self._request("backup_state", **known)).get("backup")
            if not found:
                return
            state = _decode(found)
            if state != seen:
                seen = state
                yield state
            if state.done:
                return

    async def kept(self) -> Sequence[KeptBackup]:
        found = tables(await self._request("backup_kept"), "backups")
        return tuple(
            KeptBackup(text(each, "name"), int(number(each, "size") or 0), _time(each.get("at")))
            for each in found
        )

    async def _request(self, name: str, **args: object) -> dict[str, Any]:
        try:
            found = await self._control.request(name, within=WITHIN, **args)
        except RefusedError as exc:
            raise BackupRefusedError(exc.error, exc.hint) from exc
        except ControlUnavailableError as exc:
            raise SystemUnavailableError(str(exc)) from exc
        return found if isinstance(found, dict) else {}


def handlers(backups: Backups) -> dict[str, Handler]:
    """What the supervisor answers, by request."""

    async def begin(request: Request, _: Peer) -> object:
        password = request.args.get("password")
        destination = request.args.get("destination")
        try:
            state = await backups.begin(actor_of(request), str(destination or ""), str(password or ""))
        except BackupRefusedError as exc:
            raise RefusedError(exc.message, exc.hint) from exc
        return {"backup": _encode(state)}

    async def state(request: Request, _: Peer) -> object:
        present = await backups.state()
        args = request.args
        if present and (present.number, present.doing, present.percent) == (
            args.get("number"), args.get("doing"), args.get("percent"),
        ):  # fmt: skip
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT):
                    await backups.after(present)
            present = await backups.state()
        return {"backup": _encode(present) if present else None}

    async def kept(_: Request, __: Peer) -> object:
        found = (await backups.kept())[:MOST]
        return {"backups": [{**asdict(each), "at": each.at.isoformat()} for each in found]}

    return {"backup_begin": begin, "backup_state": state, "backup_kept": kept}


def _encode(state: BackupState) -> dict[str, object]:
    return {**asdict(state), "began": state.began.isoformat()}


def _decode(found: object) -> BackupState:
    if not isinstance(found, Mapping):
        raise SystemUnavailableError("it does not tell how far the backup is")
    return BackupState(
        int(number(found, "number") or 0), text(found, "who"), _time(found.get("began")),
        text(found, "destination"), text(found, "doing"), int(number(found, "percent") or 0),
        found.get("done") is not False, found.get("failed") is True,
        text(found, "result"), text(found, "hint"), text(found, "file"),
        int(number(found, "size") or 0), found.get("encrypted") is True,
    )  # fmt: skip


def _time(found: object) -> datetime:
    try:
        return datetime.fromisoformat(str(found)).astimezone(UTC)
    except ValueError:
        raise SystemUnavailableError("it does not tell the time of a backup") from None

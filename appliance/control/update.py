"""Updates on the control socket: the supervisor's handlers, and the port `Updates` by requests.

update_list, update_history, update_notices   {}                          -> {"found": […]}
update_lost_by_back                           {}                          -> {"found": […]}
update_add      {"user": …, "address": …, "channel": …, "path": "…"}      -> {"update": …}, when verified
update_install  the same, with "update", "downgrade", "at": "" for now    -> {"state": …}
update_fetch    the same, with "target", "update"                         -> {"state": …}
update_cancel, update_back, update_reboot   who                           -> {"state": …}
update_delete, update_seen                  who, the first with "update"  -> {}
update_state    {"number": 2, "doing": "…", "percent": 40} -> {"state": … | null}: waits a little for another
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from appliance.control.actors import actor_of
from appliance.control.client import ControlClient, ControlUnavailableError
from appliance.control.protocol import RefusedError, Request
from appliance.control.server import Handler, Peer
from db.variables.states import Actor
from shell.ports import SystemUnavailableError
from shell.reading import number, tables, text
from shell.update_ports import (
    Kind,
    Notice,
    Outcome,
    Standing,
    Update,
    UpdateRefusedError,
    Updates,
    UpdateState,
    What,
)

WITHIN = 15.0
VERIFIED_WITHIN = 900.0
"""A gigabyte on slow flash."""
WAIT = 2.0
MOST = 200
"""Of each list: a line on the socket holds a mebibyte."""


class ControlUpdates:
    """Fulfils `Updates`; the supervisor carries it out."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    async def listed(self) -> Sequence[Update]:
        return tuple(_update(each) for each in tables(await self._request("update_list"), "found"))

    async def add(self, path: Path, actor: Actor) -> Update:
        found = await self._request("update_add", VERIFIED_WITHIN, **_who(actor), path=str(path))
        return _update(found.get("update"))

    async def install(
        self, name: str, actor: Actor, *, downgrade: bool = False, at: datetime | None = None
    ) -> UpdateState:
        more = {"update": name, "downgrade": downgrade, "at": at.isoformat() if at else ""}
        return await self._begun("update_install", actor, **more)

    async def cancel(self, actor: Actor) -> UpdateState:
        return await self._begun("update_cancel", actor)

    async def delete(self, name: str, actor: Actor) -> None:
        await self._request("update_delete", **_who(actor), update=name)

    async def back(self, actor: Actor) -> UpdateState:
        return await self._begun("update_back", actor)

    async def lost_by_back(self) -> Sequence[str]:
        found = (await self._request("update_lost_by_back")).get("found")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    async def reboot(self, actor: Actor) -> UpdateState:
        return await self._begun("update_reboot", actor)

    async def fetch(self, target: str, name: str, actor: Actor) -> UpdateState:
        return await self._begun("update_fetch", actor, target=target, update=name)

    async def state(self) -> UpdateState | None:
        found = (await self._request("update_state")).get("state")
        return _state(found) if found else None

    async def follow(self) -> AsyncGenerator[UpdateState, None]:
        seen: UpdateState | None = None
        while True:
            known = _known(seen) if seen else {}
            found = (await self._request("update_state", **known)).get("state")
            if not found:
                return
            state = _state(found)
            if state != seen:
                seen = state
                yield state
            if state.done or state.at is not None:
                return

    async def history(self) -> Sequence[Outcome]:
        return tuple(_outcome(each) for each in tables(await self._request("update_history"), "found"))

    async def notices(self) -> Sequence[Notice]:
        return tuple(
            Notice(
                text(each, "text"),
                text(each, "hint"),
                "backup" if each.get("kind") == "backup" else "outcome",
            )
            for each in tables(await self._request("update_notices"), "found")
        )

    async def seen(self, actor: Actor) -> None:
        await self._request("update_seen", **_who(actor))

    async def _begun(self, asked: str, actor: Actor, **args: Any) -> UpdateState:
        return _state((await self._request(asked, **_who(actor), **args)).get("state"))

    async def _request(self, asked: str, within: float = WITHIN, **args: object) -> dict[str, Any]:
        try:
            found = await self._control.request(asked, within=within, **args)
        except RefusedError as exc:
            raise UpdateRefusedError(exc.error, exc.hint) from exc
        except ControlUnavailableError as exc:
            raise SystemUnavailableError(str(exc)) from exc
        return found if isinstance(found, dict) else {}


def handlers(updates: Updates) -> dict[str, Handler]:
    """What the supervisor answers, by request."""

    async def listed(_: Request, __: Peer) -> object:
        return {"found": [_plain(each) for each in (await updates.listed())[:MOST]]}

    async def add(request: Request, _: Peer) -> object:
        with _refusals():
            return {"update": _plain(await updates.add(Path(request.text("path")), actor_of(request)))}

    async def install(request: Request, _: Peer) -> object:
        at = str(request.args.get("at") or "")
        with _refusals():
            state = await updates.install(
                request.text("update"),
                actor_of(request),
                downgrade=request.args.get("downgrade") is True,
                at=_asked_time(at) if at else None,
            )
        return {"state": _plain(state)}

    async def cancel(request: Request, _: Peer) -> object:
        with _refusals():
            return {"state": _plain(await updates.cancel(actor_of(request)))}

    async def delete(request: Request, _: Peer) -> object:
        with _refusals():
            await updates.delete(request.text("update"), actor_of(request))
        return {}

    async def back(request: Request, _: Peer) -> object:
        with _refusals():
            return {"state": _plain(await updates.back(actor_of(request)))}

    async def lost_by_back(_: Request, __: Peer) -> object:
        return {"found": list(await updates.lost_by_back())}

    async def reboot(request: Request, _: Peer) -> object:
        with _refusals():
            return {"state": _plain(await updates.reboot(actor_of(request)))}

    async def fetch(request: Request, _: Peer) -> object:
        with _refusals():
            begun = await updates.fetch(request.text("target"), request.text("update"), actor_of(request))
        return {"state": _plain(begun)}

    async def state(request: Request, _: Peer) -> object:
        present = await updates.state()
        if (
            present
            and not present.done
            and present.at is None
            and _known(present).items() <= request.args.items()
        ):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT):
                    present = await _after(updates, present)
        return {"state": _plain(present) if present else None}

    async def history(_: Request, __: Peer) -> object:
        return {"found": [_plain(each) for each in (await updates.history())[:MOST]]}

    async def notices(_: Request, __: Peer) -> object:
        return {"found": [asdict(each) for each in await updates.notices()]}

    async def seen(request: Request, _: Peer) -> object:
        with _refusals():
            await updates.seen(actor_of(request))
        return {}

    return {
        "update_list": listed,
        "update_add": add,
        "update_install": install,
        "update_cancel": cancel,
        "update_delete": delete,
        "update_back": back,
        "update_lost_by_back": lost_by_back,
        "update_reboot": reboot,
        "update_fetch": fetch,
        "update_state": state,
        "update_history": history,
        "update_notices": notices,
        "update_seen": seen,
    }


async def _after(updates: Updates, seen: UpdateState) -> UpdateState:
    async with aclosing(updates.follow()) as states:
        async for state in states:
            if state != seen:
                return state
    return seen


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except UpdateRefusedError as exc:
        raise RefusedError(exc.message, exc.hint) from exc


def _who(actor: Actor) -> dict[str, Any]:
    return {"user": actor.user, "address": actor.address, "channel": actor.channel}


def _known(state: UpdateState) -> dict[str, Any]:
    return {"number": state.number, "doing": state.doing, "percent": state.percent}


def _asked_time(found: str) -> datetime:
    try:
        at = datetime.fromisoformat(found)
    except ValueError:
        raise RefusedError(f"{found[:40]!r} is no time", "give one such as 2026-12-24T03:00+01:00") from None
    if at.tzinfo is None:
        raise RefusedError(f"{found[:40]!r} has no time zone", "give one such as 2026-12-24T03:00+01:00")
    return at


def _plain(found: Update | UpdateState | Outcome) -> dict[str, object]:
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(found).items()
    }


def _update(found: object) -> Update:
    if not isinstance(found, Mapping):
        raise SystemUnavailableError("it does not tell what became of the update")
    effects = found.get("effects")
    kinds: tuple[Kind, ...] = get_args(Kind)
    standings: tuple[Standing, ...] = get_args(Standing)
    state = text(found, "state")
    return Update(
        text(found, "name"),
        int(number(found, "size") or 0),
        next((each for each in standings if each == state), "refused"),
        next((each for each in kinds if each == found.get("kind")), ""),
        text(found, "version"),
        installable=found.get("installable") is True,
        downgrade=found.get("downgrade") is True,
        verdict_reason=text(found, "verdict_reason"),
        hint=text(found, "hint"),
        effects=tuple(map(str, effects)) if isinstance(effects, list) else (),
        signer=text(found, "signer"),
        built_at=_time(found["built_at"]) if found.get("built_at") else None,
        reboots=found.get("reboots") is True,
        notes=text(found, "notes"),
    )


def _state(found: object) -> UpdateState:
    if not isinstance(found, Mapping):
        raise SystemUnavailableError("it does not tell how far the update is")
    known: tuple[What, ...] = get_args(What)
    what: What = next((each for each in known if each == found.get("what")), "install")
    return UpdateState(
        int(number(found, "number") or 0), what, text(found, "name"), text(found, "who"),
        _time(found.get("began")), text(found, "doing"), int(number(found, "percent") or 0),
        found.get("done") is not False, found.get("failed") is True, text(found, "result"),
        text(found, "hint"), _time(found["at"]) if found.get("at") else None,
    )  # fmt: skip


def _outcome(found: Mapping[str, Any]) -> Outcome:
    return Outcome(
        _time(found.get("at")), text(found, "kind"), text(found, "start"), text(found, "end"),
        found.get("ok") is True, text(found, "what"), text(found, "reason"), text(found, "who"),
    )  # fmt: skip


def _time(found: object) -> datetime:
    try:
        return datetime.fromisoformat(str(found))
    except ValueError:
        raise SystemUnavailableError("it does not tell the time of an update") from None

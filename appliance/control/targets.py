"""Targets of backups on the control socket: the supervisor's handlers, and the port `Targets` by requests.

targets         {}                                                   -> {"targets": […]}, without secrets
target_add      {"user": …, "target": "nas", "kind": "sftp"}           -> {}
target_set      {"user": …, "target": "nas", "word": "host", "text": …} -> {}
target_remove   {"user": …, "target": "nas"}                           -> {}
target_key      {"user": …, "target": "nas"}                           -> {"line": "ssh-ed25519 …"}
target_test     {"target": "nas"}                   -> {"steps": […], "problem": "", "hint": ""}
target_backups  {"target": "nas"}                   -> {"backups": […]}, newest first
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from appliance.control.actors import actor_of
from appliance.control.client import ControlClient, ControlUnavailableError
from appliance.control.protocol import RefusedError, Request
from appliance.control.server import Handler, Peer
from appliance.store_keeper import StoreKeeper
from db.errors import StoreError
from db.targets import SECRETS, WORDS, TargetState
from db.variables.states import Actor
from shell.backup_ports import BackupRefusedError, KeptBackup
from shell.ports import SystemUnavailableError
from shell.reading import instant, number, table, tables, text
from shell.target_ports import TargetShown, TargetTested

if TYPE_CHECKING:
    # The shell has this module too: it needs nothing of what carries a backup.
    from appliance.carrying import Carrying

WITHIN = 180.0
MOST = 500


class ControlTargets:
    """Fulfils `Targets`; the supervisor carries it out."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    async def all(self) -> Sequence[TargetShown]:
        found = tables(await self._request("targets"), "targets")
        return tuple(
            TargetShown(
                text(each, "name"), text(each, "kind"), text(each, "where"), table(each, "settings"),
                text(each, "proven"), text(each, "proven_at"), text(each, "result"), each.get("late") is True,
            )
            for each in found
        )  # fmt: skip

    async def add(self, actor: Actor, name: str, kind: str) -> None:
        await self._request("target_add", **_who(actor), target=name, kind=kind)

    async def set(self, actor: Actor, name: str, word: str, text: str) -> None:
        await self._request("target_set", **_who(actor), target=name, word=word, text=text)

    async def remove(self, actor: Actor, name: str) -> None:
        await self._request("target_remove", **_who(actor), target=name)

    async def new_key(self, actor: Actor, name: str) -> str:
        return text(await self._request("target_key", **_who(actor), target=name), "line")

    async def test(self, name: str) -> TargetTested:
        found = await self._request("target_test", target=name)
        steps = found.get("steps")
        said = [str(each) for each in steps] if isinstance(steps, list) else []
        return TargetTested(said, text(found, "problem"), text(found, "hint"))

    async def kept(self, name: str) -> Sequence[KeptBackup]:
        found = tables(await self._request("target_backups", target=name), "backups")
        return tuple(
            KeptBackup(
                text(each, "name"),
                int(number(each, "size") or 0),
                instant(each, "at") or datetime.fromtimestamp(0, UTC),
            )
            for each in found
        )

    async def _request(self, request: str, **args: object) -> dict[str, Any]:
        try:
            found = await self._control.request(request, within=WITHIN, **args)
        except RefusedError as exc:
            raise BackupRefusedError(exc.error, exc.hint) from exc
        except ControlUnavailableError as exc:
            raise SystemUnavailableError(str(exc)) from exc
        return found if isinstance(found, dict) else {}


def handlers(store: StoreKeeper, carrying: Carrying) -> dict[str, Handler]:
    """What the supervisor answers, by request."""

    async def every(_: Request, __: Peer) -> object:
        now = datetime.now(UTC)
        found = await store.do(lambda opened: opened.targets.all())
        return {"targets": [shown(each, now) for each in found]}

    async def add(request: Request, _: Peer) -> object:
        actor, name, kind = actor_of(request), request.text("target"), request.text("kind")
        await store.do(lambda opened: opened.targets.add(name, kind, actor))
        return {}

    async def set_(request: Request, _: Peer) -> object:
        actor, name, word = actor_of(request), request.text("target"), request.text("word")
        value = str(request.args.get("text") or "")
        await store.do(lambda opened: opened.targets.set(name, word, value, actor))
        return {}

    async def remove(request: Request, _: Peer) -> object:
        actor, name = actor_of(request), request.text("target")
        await store.do(lambda opened: opened.targets.remove(name, actor))
        return {}

    async def key(request: Request, _: Peer) -> object:
        actor, name = actor_of(request), request.text("target")
        private, line = await asyncio.to_thread(_new_key)
        await store.do(lambda opened: opened.targets.set(name, "secret", private, actor))
        return {"line": line}

    async def test(request: Request, _: Peer) -> object:
        steps, problem = await carrying.test(request.text("target"))
        said = {"problem": problem.message, "hint": problem.hint} if problem else {}
        return {"steps": steps, **said}

    async def kept(request: Request, _: Peer) -> object:
        found = (await carrying.backups_on(request.text("target")))[:MOST]
        return {"backups": [{"name": e.name, "size": e.size, "at": e.at.isoformat()} for e in found]}

    asked = {
        "targets": every, "target_add": add, "target_set": set_, "target_remove": remove, "target_key": key,
        "target_test": test, "target_backups": kept,
    }  # fmt: skip
    return {name: _refusing(answer) for name, answer in asked.items()}


def shown(state: TargetState, now: datetime) -> dict[str, object]:
    """As it may be seen: of a secret, whether there is one."""
    settings = state.settings
    values = {word: getattr(settings, name) for word, (name, _) in WORDS.items() if name not in SECRETS}
    values |= {"secret": settings.secret_kind, "password": "set" if settings.password else "none"}
    return {
        "name": settings.name,
        "kind": settings.kind.value,
        "where": settings.words,
        "settings": values,
        "proven": state.proven,
        "proven_at": state.proven_at.isoformat() if state.proven_at else "",
        "result": state.result,
        "late": state.is_late(now),
    }


def _refusing(answer: Callable[[Request, Peer], Awaitable[object]]) -> Handler:
    async def asked(request: Request, peer: Peer) -> object:
        try:
            return await answer(request, peer)
        except (StoreError, BackupRefusedError) as exc:
            raise RefusedError(exc.message, exc.hint) from exc

    return asked


def _new_key() -> tuple[str, str]:
    from appliance.targets.sftp import new_key  # asyncssh takes 20 MB: only where it is used

    return new_key()


def _who(actor: Actor) -> Mapping[str, object]:
    return {"user": actor.user, "address": actor.address, "channel": actor.channel}

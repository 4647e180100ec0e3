"""Updates in memory. A bundle is a file with one line, as `bundle` writes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from db.variables.states import Actor
from shell.ports import SystemUnavailableError
from shell.update_ports import Kind, Notice, Outcome, Update, UpdateRefusedError, UpdateState, What
from tests.fakes.variables import NOON

AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
RUNNING = "0.1.0"
EFFECTS: dict[str, tuple[str, ...]] = {
    "application": (
        "The services start anew: about 2 s without calls.",
        "No reboot, no change of the store.",
    ),
    "system": (
        "Needs a reboot: about 24 s without calls.",
        "The store changes from 0005 to 0006: backups made before cannot be restored.",
    ),
}


def bundle(path: Path, version: str, kind: Kind) -> Path:
    path.write_text(f"signed {kind} {version}")
    return path


def update(name: str, version: str = "0.2.0", kind: Kind = "application") -> Update:
    """One that is good, as the judge of a machine with RUNNING sees it."""
    older = version < RUNNING
    return Update(
        name,
        12_300_000,
        "ready",
        kind,
        version,
        installable=True,
        downgrade=older,
        verdict_reason=f"{version} is older than {RUNNING}, which runs" if older else "",
        hint="it is installed as a downgrade only" if older else "",
        effects=EFFECTS[kind],
        signer="Callisto development",
        built_at=AT,
        reboots=kind == "system",
        notes="Fewer words, more calls.",
    )


class FakeUpdates:
    """`hold`: nothing is finished until that is set; None: at once. `failure`: why it fails. `image`: whether
    anything can be installed. `lost`: the supervisor does not answer who follows or logs in. `elsewhere`: the
    bundles on each target. `asked`: whatever was begun. `lost_rows`: what going back takes away."""

    def __init__(self, now: Callable[[], datetime] = lambda: NOON) -> None:
        self._now = now
        self.hold: asyncio.Event | None = None
        self.failure: tuple[str, str] | None = None
        self.image = True
        self.lost = False
        self.bundles: dict[str, Update] = {}
        self.elsewhere: dict[str, dict[str, Update]] = {}
        self.asked: list[tuple[What | str, str, str]] = []
        self.told: list[Notice] = []
        self.lost_rows: tuple[str, ...] = ()
        self.past: list[Outcome] = []
        self._state: UpdateState | None = None

    async def listed(self) -> Sequence[Update]:
        found = sorted(self.bundles.values(), key=lambda each: each.version, reverse=True)
        return tuple(sorted(found, key=lambda each: each.state == "refused"))

    async def add(self, path: Path, actor: Actor) -> Update:
        name = path.name.removesuffix(".part")
        try:
            word, kind, version = path.read_text().removeprefix("hsqs ").split()
        except (OSError, ValueError):
            word, kind, version = "", "", ""
        if word != "signed" or kind not in EFFECTS:
            raise UpdateRefusedError(
                f"{name[:60]} is not an update of this appliance", "take the file as it was published"
            )
        self.bundles[name] = update(name, version, "system" if kind == "system" else "application")
        return self.bundles[name]

    async def install(
        self, name: str, actor: Actor, *, downgrade: bool = False, at: datetime | None = None
    ) -> UpdateState:
        self._refuse()
        each = self._get(name)
        if not self.image:
            raise UpdateRefusedError(
                "this is no image: nothing can be installed", "updates are for the appliance"
            )
        if not each.installable:
            raise UpdateRefusedError(each.verdict_reason, each.hint)
        if each.downgrade and not downgrade:
            raise UpdateRefusedError(each.verdict_reason, f"update install {name} downgrade")
        if at is not None and at <= self._now():
            raise UpdateRefusedError(f"{at:%Y-%m-%d %H:%M} has been already", "give a time to come")
        return self._begin("install", name, actor, at)

    async def cancel(self, actor: Actor) -> UpdateState:
        if self._state is None or self._state.done or self._state.at is None:
            raise UpdateRefusedError("no update is planned", "update install NAME at TIME plans one")
        self._state = replace(self._state, done=True, result=f"cancelled by {actor.user}")
        return self._state

    async def delete(self, name: str, actor: Actor) -> None:
        each = self._get(name)
        if each.state not in ("ready", "refused"):
            raise UpdateRefusedError(f"{name} is {each.state}", "it stays until another one is installed")
        if self._state and not self._state.done and self._state.name == name:
            raise UpdateRefusedError(f"{name} is being installed, or is to be", "update cancel")
        del self.bundles[name]
        self.asked.append(("delete", name, actor.user))

    async def back(self, actor: Actor) -> UpdateState:
        self._refuse()
        before = next((each for each in self.bundles.values() if each.state == "previous"), None)
        if before is None:
            raise UpdateRefusedError("there is no version to go back to", "update list shows what there is")
        return self._begin("back", before.name, actor)

    async def lost_by_back(self) -> Sequence[str]:
        return self.lost_rows

    async def reboot(self, actor: Actor) -> UpdateState:
        self._refuse()
        if not self.image:
            raise UpdateRefusedError("this is no image: it is not rebooted from here", "restart it yourself")
        return self._begin("reboot", "", actor)

    async def fetch(self, target: str, name: str, actor: Actor) -> UpdateState:
        self._refuse()
        if target not in self.elsewhere:
            raise UpdateRefusedError(f"there is no target {target[:60]!r}", "show targets lists them")
        if name not in self.elsewhere[target]:
            raise UpdateRefusedError(f"{name[:60]} is not on {target}", "look there for its name")
        return self._begin("fetch", name, actor, target=target)

    async def state(self) -> UpdateState | None:
        if self._state and not self._state.done and self.hold and self.hold.is_set() and not self._state.at:
            self._state = self._ended(self._state)
        return self._state

    async def follow(self) -> AsyncGenerator[UpdateState, None]:
        state = await self.state()
        if state is None:
            return
        if not state.done and state.at is None:
            yield state
            if self.lost:
                raise SystemUnavailableError("nobody listens")
            if self.hold:
                await self.hold.wait()
            state = await self.state() or state
        yield state

    async def history(self) -> Sequence[Outcome]:
        return tuple(reversed(self.past))

    async def notices(self) -> Sequence[Notice]:
        if self.lost:
            raise SystemUnavailableError("nobody listens")
        return tuple(self.told)

    async def seen(self, actor: Actor) -> None:
        self.told = [each for each in self.told if each.kind != "outcome"]

    def _get(self, name: str) -> Update:
        if name not in self.bundles:
            raise UpdateRefusedError(f"there is no update {name[:60]!r}", "update list shows what there is")
        return self.bundles[name]

    def _refuse(self) -> None:
        now = self._state
        if now and not now.done and now.at is None:
            raise UpdateRefusedError(
                f"{now.who} is at it already: {now.what} {now.name}".rstrip(), "update status looks on"
            )

    def _begin(
        self, what: What, name: str, actor: Actor, at: datetime | None = None, target: str = ""
    ) -> UpdateState:
        self.asked.append((what, name, actor.user))
        if target:
            self.bundles[name] = self.elsewhere[target][name]
        number = self._state.number + 1 if self._state else 1
        self._state = UpdateState(number, what, name, actor.user, self._now(), "checks it", 40, at=at)
        if at is not None:
            self._state = replace(self._state, doing="waits", percent=0)
        elif self.hold is None:
            begun, self._state = self._state, self._ended(self._state)
            return begun
        return self._state

    def _ended(self, state: UpdateState) -> UpdateState:
        state = replace(state, doing="", percent=100, done=True)
        if self.failure:
            said, hint = self.failure
            self._remember(state, ok=False, what="fell back", reason=said)
            return replace(state, failed=True, result=said, hint=hint)
        match state.what:
            case "install" if self.bundles[state.name].kind == "system":
                self._stand(state.name, "installed")
                self._remember(state, ok=True, what="installed")
                return replace(state, result=f"{state.name} is installed", hint="update reboot starts it")
            case "install" | "back":
                for name in [each.name for each in self.bundles.values() if each.state == "running"]:
                    self._stand(name, "previous")
                self._stand(state.name, "running")
                self._remember(state, ok=True, what="confirmed")
                return replace(state, result=f"{self.bundles[state.name].version} runs, and all answers")
            case "fetch" | "verify":
                return replace(state, result=f"{state.name} is here, and good")
        return replace(state, result="the machine starts anew")

    def _stand(self, name: str, standing: str) -> None:
        self.bundles[name] = replace(self.bundles[name], state=standing)  # type: ignore[arg-type]

    def _remember(self, state: UpdateState, *, ok: bool, what: str, reason: str = "") -> None:
        each = self.bundles[state.name]
        kind = each.kind
        self.past.append(Outcome(self._now(), kind, RUNNING, each.version, ok, what, reason, state.who))
        self.told = [Notice(f"{each.version}: {what}", reason)]

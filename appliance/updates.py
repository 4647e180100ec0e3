"""Updates as a job of the supervisor: it survives whoever began it, and the supervisor that it replaces.

Root does what only root may (docs/decisions/0019): a request is written, its unit started, and what it tells
is followed. One thing at a time; never beside what puts another store in place.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from appliance.config import Config
from appliance.errands import Errands
from appliance.store_keeper import StoreKeeper
from appliance.updating import words
from appliance.updating.arrivals import Arrivals
from appliance.updating.following import REBOOTS, Follower
from appliance.updating.memory import Job, Memory, Plan
from appliance.updating.plans import Plans, shown, state_of
from appliance.updating.root_side import RootSide, Unit
from appliance.updating.shelf import Found, Shelf
from appliance.updating.showing import Showing
from appliance.updating.standing import schema_of
from appliance.updating.telling import Telling
from db.errors import StoreError
from db.variables.states import Actor
from firmware.image_file import KEYRINGS
from firmware.release import running as release
from firmware.update.bundle import BundleError
from firmware.update.judging import Running, judged
from firmware.update.machine import here
from shell.update_ports import (
    Notice,
    Outcome,
    Standing,
    Update,
    UpdateRefusedError,
    UpdateState,
    What,
)

log = logging.getLogger(__name__)

TOPIC = "updates"
CHECKOUT = Path(__file__).resolve().parent.parent
NO_IMAGE = (
    "this is no image: nothing can be installed or rebooted from here",
    "update it as it was installed",
)


@dataclass(frozen=True, slots=True)
class Around:
    """What updates need of the rest. `busy`: why there can be none now, empty where there can; `unit`: the
    part that is root; `root`: where the machine's files are; `keyring`: None for the machine's own."""

    busy: Callable[[], str]
    unit: Unit
    root: Path = Path("/")
    keyring: Path | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class Updates:
    """Fulfils `shell.update_ports.Updates`. Inside a running loop. To be set by who knows: `publish`, told
    each state; `arrivals.bring`."""

    def __init__(self, config: Config, store: StoreKeeper, around: Around) -> None:
        self._store = store
        self._around = around
        self._machine = RootSide(config.updates, around.root)
        self._shelf = Shelf(config.updates, around.keyring or _keyring())
        self._memory = Memory(config.updates)
        self._telling = Telling(config, self._machine, self._memory, store)
        self._showing = Showing(around.now, lambda data: self.publish(TOPIC, data))
        self._errands = Errands("updates")
        self._looking = Errands("look at updates")
        self._follower = Follower(self._machine, self._telling, around.unit, self._looking)
        self._follower.told = self._showing.at
        self.arrivals = Arrivals(self._shelf, self._showing, self._errands, self._note, self._look_again)
        self._plans = Plans(self._memory, self._errands, around.now)
        self._plans.busy = lambda: bool(around.busy()) or self._showing.under_way is not None
        self._plans.carry_out = self._carry_out
        self._plans.missed = self._missed
        self._task: asyncio.Task[Found | None] | None = None
        self._root_works = False
        self._facts: dict[str, object] = {}
        self.publish: Callable[[str, Mapping[str, object]], None] = lambda _topic, _data: None

    def busy(self) -> str:
        """Who changes what runs, in words; empty while nobody does. To verify one disturbs nobody."""
        state = self._showing.under_way
        if not self._root_works or state is None:
            return ""
        return f"an update is under way, by {state.who}: {state.what} {state.name}".rstrip()

    def facts(self) -> Mapping[str, object]:
        """For the status, as known last; never waits."""
        under_way = None
        if (now := self._showing.under_way) is not None:
            under_way = {"what": now.what, "name": now.name, "doing": now.doing, "percent": now.percent}
        plan = self._plans.plan
        planned = {"name": plan.name, "at": plan.at.isoformat()} if plan else None
        return {**self._facts, "under_way": under_way, "planned": planned}

    # What is there

    async def listed(self) -> Sequence[Update]:
        running = self._running()
        found, stands = await self._looking.do(self._seen)
        shown = words.listing(found, running, stands)
        self._facts = {**self._facts, **_figures(shown, running)}
        return shown

    async def state(self) -> UpdateState | None:
        return self._showing.under_way or self._plans.state() or self._showing.state

    async def after(self, seen: UpdateState | None) -> None:
        """Return when there is something else than that, or nothing is under way."""
        while await self.state() == seen and seen is not None and not seen.done and seen.at is None:
            await self._showing.another()

    async def follow(self) -> AsyncGenerator[UpdateState, None]:
        seen: UpdateState | None = None
        while (now := await self.state()) is not None and now != seen:
            seen = now
            yield seen
            if seen.done or seen.at is not None:
                return
            await self.after(seen)

    async def history(self) -> Sequence[Outcome]:
        return tuple(one.told for one in await self._looking.do(self._machine.history))

    async def notices(self) -> Sequence[Notice]:
        return await self._looking.do(self._telling.notices)

    async def seen(self, actor: Actor) -> None:
        if await self._looking.do(self._telling.seen):
            await self._note(actor, "outcome of the last update seen")

    def backed_up(self, began: datetime) -> None:
        """A backup has succeeded."""
        self._telling.backed_up(began)

    # What can be done

    async def add(self, path: Path, actor: Actor) -> Update:
        self._showing.refuse()
        name = path.name.removesuffix(".part")
        begun = self._showing.begun("verify", name, actor)
        self._task = asyncio.create_task(self.arrivals.add(begun, actor, path), name="verify an update")
        found = await asyncio.shield(self._task)
        assert found is not None
        return words.update_of(found, self._running(), None)

    async def fetch(self, target: str, name: str, actor: Actor) -> UpdateState:
        self._showing.refuse()
        self._part(name)
        await self.check_target(target)
        begun = self._showing.begun("fetch", name, actor)
        self._task = asyncio.create_task(self.arrivals.fetch(begun, actor, target), name="fetch an update")
        self._task.add_done_callback(_taken)
        return begun

    async def install(
        self, name: str, actor: Actor, *, downgrade: bool = False, at: datetime | None = None
    ) -> UpdateState:
        self._showing.refuse()
        await self._may(name, downgrade=downgrade)
        if at is None:
            return await self._ask("install", name, actor, downgrade=downgrade)
        self._showing.number += 1
        state = await self._plans.make(self._showing.number, name, actor, at, downgrade=downgrade)
        await self._note(actor, f"planned: install {name} at {shown(at)}")
        self._showing.tell()
        return state

    async def cancel(self, actor: Actor) -> UpdateState:
        plan = self._plans.plan
        if plan is None:
            raise UpdateRefusedError("no update is planned", "update install NAME at TIME plans one")
        await self._plans.forget()
        state = words.done(state_of(plan), f"cancelled by {actor.user or 'somebody'}")
        if self._showing.under_way is None:
            self._showing.see(state)
        await self._note(actor, f"cancelled: install {plan.name} at {shown(plan.at)}")
        return state

    async def delete(self, name: str, actor: Actor) -> None:
        found, stands = await self._looking.do(self._seen)
        if name not in {each.name for each in found}:
            raise UpdateRefusedError(f"there is no update {name[:60]!r}", "update list shows what there is")
        if name in stands:
            raise UpdateRefusedError(f"{name} is {stands[name]}", "it stays until another one is installed")
        if self._plans.plan is not None and self._plans.plan.name == name:
            raise UpdateRefusedError(f"{name} is to be installed", "first: update cancel")
        if (now := self._showing.under_way) is not None and now.name == name:
            raise UpdateRefusedError(f"{name} is being worked on", "update status looks on")
        try:
            await self._looking.do(self._shelf.delete, name)
        except OSError as exc:
            raise UpdateRefusedError(f"{name} cannot be deleted: {exc.strerror}", "look at the disk") from exc
        await self._note(actor, f"deleted: {name}")

    async def back(self, actor: Actor) -> UpdateState:
        self._showing.refuse()
        self._must_be_image()
        current, _ = await self._looking.do(self._machine.applications)
        systems = await self._looking.do(self._machine.systems)
        if not current and (systems.waits or not systems.other):
            raise UpdateRefusedError("there is no version to go back to", "update list shows what there is")
        return await self._ask("back", "", actor)

    async def lost_by_back(self) -> Sequence[str]:
        found = await self._looking.do(self._shelf.listed)
        known = schema_of(await self._looking.do(self._machine.before), found)
        return await self._looking.do(self._telling.lost_by_back, known)

    async def reboot(self, actor: Actor) -> UpdateState:
        self._showing.refuse()
        self._must_be_image()
        return await self._ask("reboot", "", actor)

    # While the supervisor runs

    async def resume(self) -> None:
        """After the start: what was under way is followed, and what is planned is waited for."""
        with suppress(OSError):
            await self._looking.do(self._shelf.tidy)
        job = self._memory.job()
        self._plans.resume()
        self._showing.number = max([each.number for each in (job, self._plans.plan) if each], default=0)
        if job is not None and not job.ended:
            self._root_works = True
            self._showing.see(words.state_of(job, "goes on after a start"))
            self._task = asyncio.create_task(self._follow_job(job, None), name="update")
        await self._looking.do(self._telling.look)
        await self._look_again()

    async def close(self) -> None:
        """What root does goes on; the next start follows it."""
        await self._plans.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    # What root does

    async def _ask(self, what: What, name: str, actor: Actor, *, downgrade: bool = False) -> UpdateState:
        """Write the request, start the unit, follow it."""
        if why := self._around.busy():
            raise UpdateRefusedError(why, "try again when it is done")
        begun = self._showing.begun(what, name, actor)
        self._root_works = True
        job = Job(
            begun.number, what, name, uuid.uuid4().hex, actor.user, actor.address, actor.channel,
            begun.began, self._running().schema, self._machine.boot(),
        )  # fmt: skip
        try:
            await self._errands.do(partial(self._write, job, downgrade=downgrade))
        except OSError as exc:
            self._root_works = False
            self._showing.see(words.failed(begun, f"it cannot be begun: {exc.strerror}", "look at the disk"))
            raise UpdateRefusedError(f"it cannot be begun: {exc.strerror}", "look at the disk") from exc
        log.warning("update: %s, begun by %s", f"{what} {name}".rstrip(), begun.who)
        await self._note(actor, f"begun: {what} {name}".rstrip())
        started = asyncio.create_task(self._around.unit.start(), name="part of the update that is root")
        self._task = asyncio.create_task(self._follow_job(job, started), name="update")
        return begun

    def _write(self, job: Job, *, downgrade: bool) -> None:
        self._memory.keep_job(job)
        self._machine.ask(job.what, job.id, job.user, job.name, downgrade=downgrade)

    async def _follow_job(self, job: Job, started: asyncio.Task[None] | None) -> None:
        try:
            state = await self._follower.followed(job, started)
        except asyncio.CancelledError:
            if started is not None:
                started.cancel()
            raise
        except Exception as exc:
            log.exception("an update cannot be followed")
            state = words.failed(words.state_of(job), f"it cannot be followed: {exc}", "the log says why")
        await self._over(job, state)

    async def _over(self, job: Job, state: UpdateState) -> None:
        with suppress(OSError):
            if state.result != REBOOTS:  # else it is followed after that
                await self._errands.do(self._memory.keep_job, replace(job, ended=True))
        self._root_works = False
        self._task = None
        level = logging.ERROR if state.failed else logging.WARNING
        log.log(level, "update: %s: %s", f"{job.what} {job.name}".rstrip(), state.result)
        await self._looking.do(self._telling.look)
        await self._note(job.actor, f"{job.what} {job.name}".rstrip() + f": {state.result}")
        self._showing.see(state)
        await self._look_again()

    async def _carry_out(self, plan: Plan) -> None:
        await self._may(plan.name, downgrade=plan.downgrade)
        await self._ask("install", plan.name, plan.actor, downgrade=plan.downgrade)

    async def _missed(self, plan: Plan, state: UpdateState) -> None:
        log.error("update: %s", state.result)
        await self._note(plan.actor, f"not installed: {state.result}")
        self._showing.see(replace(state, at=None))

    # Below

    def _must_be_image(self) -> None:
        if not self._running().slot:
            raise UpdateRefusedError(*NO_IMAGE)

    async def _may(self, name: str, *, downgrade: bool) -> None:
        found = await self._looking.do(self._shelf.get, name)
        if found is None:
            raise UpdateRefusedError(f"there is no update {name[:60]!r}", "update list shows what there is")
        if found.sheet is None:
            raise UpdateRefusedError(found.problem, found.hint)
        self._must_be_image()
        verdict = judged(found.sheet, self._running())
        if not verdict.allows(downgrade=downgrade):
            raise UpdateRefusedError(verdict.reason, words.hint_of(name, verdict))

    def _part(self, name: str) -> Path:
        try:
            return self._shelf.part(name)
        except (BundleError, OSError) as exc:
            raise UpdateRefusedError(str(exc), getattr(exc, "hint", "") or "give another name") from exc

    async def check_target(self, target: str) -> None:
        """Raises UpdateRefusedError for one that there is not."""
        try:
            await self._store.do(lambda store: store.targets.get(target))
        except StoreError as exc:
            raise UpdateRefusedError(exc.message, exc.hint or "show targets lists them") from exc

    def _running(self) -> Running:
        return here(self._store.state().schema or "", self._around.root)

    def _seen(self) -> tuple[Sequence[Found], dict[str, Standing]]:
        found = self._shelf.listed()
        current, previous = self._machine.applications()
        systems = self._machine.systems()
        shown: dict[str, Standing] = {}
        for each in found:
            version = each.sheet.version if each.sheet and each.sheet.kind == "system" else None
            if each.name == current or (version and version == systems.booted):
                shown[each.name] = "running"
            elif version and version == systems.other:
                shown[each.name] = "installed" if systems.waits else "previous"
            elif each.name == previous:
                shown[each.name] = "previous"
        return found, shown

    async def _look_again(self) -> None:
        """For the status."""
        with suppress(StoreError, OSError):
            await self.listed()

    async def _note(self, actor: Actor, detail: str) -> None:
        try:
            await self._store.do(lambda store: store.audit.note(actor, "update", detail))
        except StoreError:
            log.exception("audit trail not written: %s: update: %s", actor.user, detail)


def _figures(shown: Sequence[Update], running: Running) -> dict[str, object]:
    return {
        "version": running.version,
        "slot": running.slot,
        "application": running.application,
        "base": running.base,
        "bundles": [
            {"name": each.name, "kind": each.kind, "version": each.version, "state": each.state}
            for each in shown[:50]
        ],
    }


def _keyring() -> Path:
    """The machine's; in a checkout, that of the updates it has built, where the machine has none."""
    own = (CHECKOUT / "build/keys/ca.pem",) if release().from_checkout else ()
    return next((one for one in (*KEYRINGS, *own) if one.is_file()), KEYRINGS[0])


def _taken(task: asyncio.Task[Found | None]) -> None:
    if not task.cancelled():
        task.exception()

"""Updates as a job of the supervisor: it survives whoever began it, and the supervisor that it replaces.

Who asks for what, and what became of it, is noted here; `appliance.updating` does it. One thing at a time;
never beside what puts another store in place.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from appliance.config import Config
from appliance.errands import Errands
from appliance.store_keeper import StoreKeeper
from appliance.updating import words
from appliance.updating.around import Around
from appliance.updating.arrivals import Arrivals
from appliance.updating.following import Follower
from appliance.updating.memory import Job, Memory, Plan
from appliance.updating.plans import Plans, shown, state_of
from appliance.updating.root_side import RootSide
from appliance.updating.root_work import RootWork
from appliance.updating.shelf import Found, Shelf
from appliance.updating.showing import Showing
from appliance.updating.stock import Stock
from appliance.updating.telling import Telling
from db.errors import StoreError
from db.variables.states import Actor
from firmware.update.judging import Running
from firmware.update.machine import here
from shell.update_ports import Notice, Outcome, Update, UpdateRefusedError, UpdateState, What

log = logging.getLogger(__name__)

TOPIC = "updates"


class Updates:
    """Fulfils `shell.update_ports.Updates`. Inside a running loop. To be set by who knows: `publish`, told
    each state; `arrivals.bring`."""

    def __init__(self, config: Config, store: StoreKeeper, around: Around) -> None:
        errands, self._looking = Errands("updates"), Errands("look at updates")
        self._store = store
        self._root = around.root
        self._machine = RootSide(config.updates, around.root)
        self._memory = Memory(config.updates)
        self._telling = Telling(config, self._machine, self._memory, store)
        self._showing = Showing(around.now, lambda data: self.publish(TOPIC, data))
        shelf = Shelf(config.updates, around.trusted())
        self._stock = Stock(shelf, self._machine, self._looking, self._running)
        follower = Follower(self._machine, self._telling, around.unit, self._looking)
        follower.told = self._showing.at
        self._work = RootWork(
            around, self._machine, self._memory, follower, self._showing, errands=errands, note=self._note
        )
        self._work.ended = self._over
        self.arrivals = Arrivals(shelf, self._showing, errands, self._note, self._stock.look_again)
        self._plans = Plans(self._memory, errands, around.now)
        self._plans.busy = lambda: bool(around.busy()) or self._showing.under_way is not None
        self._plans.carry_out = self._carry_out
        self._plans.missed = self._missed
        self._coming: asyncio.Task[Found | None] | None = None
        self.publish: Callable[[str, Mapping[str, object]], None] = lambda _topic, _data: None

    def busy(self) -> str:
        """Who changes what runs, in words; empty while nobody does. To verify one disturbs nobody."""
        if (state := self._work.under_way) is None:
            return ""
        return f"an update is under way, by {state.who}: {state.what} {state.name}".rstrip()

    def facts(self) -> Mapping[str, object]:
        """For the status, as known last; never waits."""
        under_way = None
        if (now := self._showing.under_way) is not None:
            under_way = {"what": now.what, "name": now.name, "doing": now.doing, "percent": now.percent}
        plan = self._plans.plan
        planned = {"name": plan.name, "at": plan.at.isoformat()} if plan else None
        return {**self._stock.facts, "under_way": under_way, "planned": planned}

    # What is there

    async def listed(self) -> Sequence[Update]:
        return await self._stock.listed()

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
        begun = self._showing.begun("verify", path.name.removesuffix(".part"), actor)
        task = asyncio.create_task(self.arrivals.add(begun, actor, path), name="verify an update")
        self._coming = task
        return self._stock.shown(await asyncio.shield(task))

    async def fetch(self, target: str, name: str, actor: Actor) -> UpdateState:
        self._showing.refuse()
        self._stock.may_come(name)
        await self.check_target(target)
        begun = self._showing.begun("fetch", name, actor)
        self._coming = asyncio.create_task(self.arrivals.fetch(begun, actor, target), name="fetch an update")
        self._coming.add_done_callback(_taken)
        return begun

    async def install(
        self, name: str, actor: Actor, *, downgrade: bool = False, at: datetime | None = None
    ) -> UpdateState:
        self._showing.refuse()
        await self._stock.may_be_installed(name, downgrade=downgrade)
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
        await self._stock.may_be_deleted(name)
        if self._plans.plan is not None and self._plans.plan.name == name:
            raise UpdateRefusedError(f"{name} is to be installed", "first: update cancel")
        if (now := self._showing.under_way) is not None and now.name == name:
            raise UpdateRefusedError(f"{name} is being worked on", "update status looks on")
        await self._stock.delete(name)
        await self._note(actor, f"deleted: {name}")

    async def back(self, actor: Actor) -> UpdateState:
        self._showing.refuse()
        await self._stock.may_go_back()
        return await self._ask("back", "", actor)

    async def lost_by_back(self) -> Sequence[str]:
        return await self._looking.do(self._telling.lost_by_back, await self._stock.schema_before())

    async def reboot(self, actor: Actor) -> UpdateState:
        self._showing.refuse()
        self._stock.may_be_changed()
        return await self._ask("reboot", "", actor)

    async def check_target(self, target: str) -> None:
        """Raises UpdateRefusedError for one that there is not."""
        try:
            await self._store.do(lambda store: store.targets.get(target))
        except StoreError as exc:
            raise UpdateRefusedError(exc.message, exc.hint or "show targets lists them") from exc

    # While the supervisor runs

    async def resume(self) -> None:
        """After the start: what was under way is followed, and what is planned is waited for."""
        await self._stock.tidy()
        job = self._memory.job()
        self._plans.resume()
        self._showing.number = max([each.number for each in (job, self._plans.plan) if each], default=0)
        if job is not None and not job.ended:
            self._work.resume(job)
        await self._looking.do(self._telling.look)
        await self._stock.look_again()

    async def close(self) -> None:
        """What root does goes on; the next start follows it."""
        await self._plans.close()
        await self._work.close()
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.wait({self._coming})

    # Below

    async def _ask(self, what: What, name: str, actor: Actor, *, downgrade: bool = False) -> UpdateState:
        return await self._work.ask(what, name, actor, self._running().schema, downgrade=downgrade)

    async def _over(self, job: Job, state: UpdateState) -> None:
        await self._looking.do(self._telling.look)
        await self._note(job.actor, f"{job.what} {job.name}".rstrip() + f": {state.result}")
        self._showing.see(state)
        await self._stock.look_again()

    async def _carry_out(self, plan: Plan) -> None:
        await self._stock.may_be_installed(plan.name, downgrade=plan.downgrade)
        await self._ask("install", plan.name, plan.actor, downgrade=plan.downgrade)

    async def _missed(self, plan: Plan, state: UpdateState) -> None:
        log.error("update: %s", state.result)
        await self._note(plan.actor, f"not installed: {state.result}")
        self._showing.see(replace(state, at=None))

    def _running(self) -> Running:
        return here(self._store.state().schema or "", self._root)

    async def _note(self, actor: Actor, detail: str) -> None:
        try:
            await self._store.do(lambda store: store.audit.note(actor, "update", detail))
        except StoreError:
            log.exception("audit trail not written: %s: update: %s", actor.user, detail)


def _taken(task: asyncio.Task[Found | None]) -> None:
    if not task.cancelled():
        task.exception()

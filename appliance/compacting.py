"""Compacts the store for whoever asks, one at a time; it goes on when he leaves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from appliance.store_keeper import StoreKeeper
from db.compacted import Keep, Old
from db.errors import StoreError
from db.variables.states import Actor
from shell.compact_data import summary
from shell.compact_ports import Compacting, CompactRefusedError

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Run:
    """`now` is replaced as it goes on; `failure`: why there is no result."""

    number: int
    actor: Actor
    began: datetime
    now: Compacting = field(default_factory=lambda: Compacting("begins"))
    failure: CompactRefusedError | None = None
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def done(self) -> bool:
        return self.failure is not None or self.now.result is not None

    def tell(self, now: Compacting) -> None:
        self.now = now
        self._wake()

    def fail(self, failure: CompactRefusedError) -> None:
        self.failure = failure
        self._wake()

    async def after(self, seen: Compacting | None) -> None:
        """Return when there is something else than that, or no more will come."""
        while self.now == seen and not self.done:
            await self._more.wait()

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()


class Compactor:
    """Fulfils `shell.compact_ports.Compact`. Inside a running loop."""

    def __init__(self, store: StoreKeeper, keep: Keep, others: Callable[[], str] = lambda: "") -> None:
        """`others`: who else works on the whole store, in words; empty for nobody."""
        self._store = store
        self._others = others
        self._keep = keep
        self._task: asyncio.Task[None] | None = None
        self.last: Run | None = None
        """The present run, or the last one."""

    @property
    def runs(self) -> bool:
        return self.last is not None and not self.last.done

    def busy(self) -> str:
        """Who has the store compacted, in words; empty while nobody has."""
        if self.last is None or self.last.done:
            return ""
        run = self.last
        by = f"{run.actor.user or 'somebody'} ({run.actor.channel})"
        return f"the store is being compacted, by {by} since {run.began:%H:%M:%S}: {run.now.doing}"

    async def old(self) -> Sequence[Old]:
        try:
            return await self._store.do(lambda store: store.old_rows(self._keep))
        except StoreError as exc:
            raise CompactRefusedError(exc.message, exc.hint) from exc

    def begin(self, actor: Actor) -> Run:
        if busy := self.busy():
            raise CompactRefusedError(busy, "show audit tells what came of it")
        if busy := self._others():
            raise CompactRefusedError(busy, "compact it when that is done")
        self.last = Run(self.last.number + 1 if self.last else 1, actor, datetime.now().astimezone())
        self._task = asyncio.create_task(self._run(self.last), name="compact the store")
        return self.last

    async def run(self, actor: Actor) -> AsyncGenerator[Compacting, None]:
        run, seen = self.begin(actor), None
        while True:
            await run.after(seen)
            if run.failure:
                raise run.failure
            seen = run.now
            yield seen
            if seen.result:
                return

    async def close(self) -> None:
        """Whatever is under way ends with the process; the store is the old or the new one."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, run: Run) -> None:
        loop = asyncio.get_running_loop()

        def tell(doing: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(run.tell, Compacting(doing))

        log.info("compacts the store, asked by %s", run.actor.user)
        try:
            done = await self._store.compact(self._keep, tell)
        except asyncio.CancelledError:
            run.fail(CompactRefusedError("the appliance stops", "try again when it runs"))
            raise
        except StoreError as exc:
            log.warning("the store is not compacted: %s", exc)
            await self._note(run.actor, f"refused: {exc}")
            run.fail(CompactRefusedError(exc.message, exc.hint))
        except Exception as exc:
            log.exception("compact the store")
            run.fail(CompactRefusedError(f"it failed: {type(exc).__name__}", "the log says why"))
        else:
            said = summary(done)
            log.info("the store is compacted: %s", said)
            await self._note(run.actor, said)
            run.tell(Compacting("", done))

    async def _note(self, actor: Actor, detail: str) -> None:
        try:
            await self._store.do(lambda store: store.audit.note(actor, "compact", detail))
        except StoreError:
            log.exception("audit trail not written: %s: compact: %s", actor.user, detail)

"""Makes one bundle at a time, in a thread of its own; who asks meanwhile follows that one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from appliance.errands import Errands
from appliance.support.bundles import Bundles
from appliance.support.parts import CAPTURES_BYTES, Part
from appliance.support.writing import CancelledError, write
from shell.support_ports import Bundle, Progress, SupportRefusedError

log = logging.getLogger(__name__)

LARGEST = 2 * CAPTURES_BYTES
"""Bytes that room is asked for; captures are packed to a tenth."""


@dataclass(slots=True)
class Making:
    """One bundle. `progress` is replaced as it goes on; `failure`: why there is none."""

    number: int
    progress: Progress = field(default_factory=lambda: Progress(0, 1, "self test"))
    failure: SupportRefusedError | None = None
    cancelled: bool = False
    task: asyncio.Task[None] | None = None
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def done(self) -> bool:
        return self.failure is not None or self.progress.bundle is not None

    def tell(self, progress: Progress) -> None:
        self.progress = progress
        self._more.set()
        self._more = asyncio.Event()

    def fail(self, failure: SupportRefusedError) -> None:
        self.failure = failure
        self.tell(self.progress)

    async def after(self, seen: Progress | None) -> None:
        """Return when there is other progress than that, or no more will come."""
        while self.progress == seen and not self.done:
            await self._more.wait()

    def cancel(self) -> None:
        self.cancelled = True
        if self.task:
            self.task.cancel()


class Desk:
    """Fulfils `shell.support_ports.Support`. `parts`: gathered anew for each bundle; may take some seconds.
    `clean`: takes secrets out of a text."""

    def __init__(
        self,
        bundles: Bundles,
        parts: Callable[[], Awaitable[Sequence[Part]]],
        clean: Callable[[str], str],
    ) -> None:
        self._bundles = bundles
        self._parts = parts
        self._clean = clean
        self._thread = Errands("support bundle")
        self.present: Making | None = None

    def begin(self) -> Making:
        """A new one, or the one that is being made."""
        if self.present is None or self.present.done or self.present.cancelled:
            self.present = Making(self.present.number + 1 if self.present else 1)
            self.present.task = asyncio.create_task(self._make(self.present), name="support bundle")
        return self.present

    async def make(self) -> AsyncGenerator[Progress, None]:
        making, seen = self.begin(), None
        try:
            while True:
                await making.after(seen)
                if making.failure:
                    raise making.failure
                seen = making.progress
                yield seen
                if making.done:
                    return
        finally:
            if not making.done:
                making.cancel()

    async def bundles(self) -> Sequence[Bundle]:
        return await asyncio.to_thread(self._bundles.all)

    async def delete(self, name: str) -> None:
        await asyncio.to_thread(self._bundles.delete, name)

    async def close(self) -> None:
        if self.present and self.present.task and not self.present.done:
            self.present.cancel()
            await asyncio.gather(self.present.task, return_exceptions=True)

    async def _make(self, making: Making) -> None:
        try:
            parts = await self._parts()
            await self._thread.do(self._write, making, parts, asyncio.get_running_loop())
        except asyncio.CancelledError:
            making.cancelled = True
            making.fail(SupportRefusedError("the bundle was cancelled", "nothing is left of it"))
        except SupportRefusedError as exc:
            making.fail(exc)
        except OSError as exc:
            making.fail(SupportRefusedError(f"the bundle cannot be written: {exc.strerror or exc}"))
        except Exception as exc:
            log.exception("support bundle")
            making.fail(SupportRefusedError(f"the bundle failed: {type(exc).__name__}", "the log says why"))

    def _write(self, making: Making, parts: Sequence[Part], loop: asyncio.AbstractEventLoop) -> None:
        """In the thread."""
        if making.cancelled:
            return

        def tell(progress: Progress) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(making.tell, progress)

        name, file = self._bundles.begin(LARGEST)
        try:
            with file:
                missing = write(
                    file,
                    parts,
                    clean=self._clean,
                    step=lambda number, part: tell(Progress(number, len(parts), part)),
                    cancelled=lambda: making.cancelled,
                )
            bundle = self._bundles.finish(name)
        except CancelledError:
            return
        finally:
            self._bundles.give_up(name)
        tell(Progress(len(parts), len(parts), "", missing, bundle))

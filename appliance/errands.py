"""Blocking work for an asyncio process, in daemon threads: one that hangs delays no exit."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Errands:
    """Carries out work one piece after another (`workers` at once). asyncio's own threads are joined at the
    end of the process; a database or a name server that does not answer would hold it up."""

    def __init__(self, name: str, workers: int = 1) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._workers = workers
        for number in range(workers):
            threading.Thread(target=self._run, name=f"{name} {number}", daemon=True).start()

    async def do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `work`; the caller may give up waiting, the work goes on."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def carry_out() -> None:
            try:
                outcome: tuple[Callable[[Any], None], Any] = (future.set_result, work(*args, **kwargs))
            except BaseException as exc:
                outcome = (future.set_exception, exc)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, future, *outcome)

        self._waiting.put(carry_out)
        return await future

    def close(self) -> None:
        """The threads end when they have done what they were given; nobody waits for them."""
        for _ in range(self._workers):
            self._waiting.put(None)

    def _run(self) -> None:
        while work := self._waiting.get():
            work()


def _settle(future: asyncio.Future[Any], setter: Callable[[Any], None], value: object) -> None:
    if not future.done():
        setter(value)

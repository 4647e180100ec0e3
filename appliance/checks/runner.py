"""Runs checks at once, each bounded in time and alone with its faults; who asks meanwhile joins the run."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from appliance.checks.verdicts.finding import Finding
from shell.checks_ports import CheckResult

log = logging.getLogger(__name__)

WITHIN = 3.0
"""Seconds that a check may take."""


@dataclass(frozen=True, slots=True)
class Check:
    """`look`: gathers the facts and judges them. `slow`: what to say when it is not done within `within`."""

    name: str
    look: Callable[[], Awaitable[Finding]]
    within: float = WITHIN
    slow: Finding | None = None


@dataclass(slots=True)
class Run:
    """One self test. `results` grow until `done`."""

    number: int
    began: datetime
    results: list[CheckResult] = field(default_factory=list)
    done: bool = False
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, result: CheckResult) -> None:
        self.results.append(result)
        self._tell()

    def finish(self) -> None:
        self.done = True
        self._tell()

    async def more_than(self, count: int) -> None:
        """Return when there are more results than that, or no more will come."""
        while len(self.results) <= count and not self.done:
            await self._more.wait()

    def _tell(self) -> None:
        self._more.set()
        self._more = asyncio.Event()


class Runner:
    """Fulfils `shell.checks_ports.SelfTest`. Inside a running loop."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = tuple(checks)
        self._task: asyncio.Task[None] | None = None
        self.last: Run | None = None
        """The present run, or the last one."""

    def begin(self) -> Run:
        """A new run, or the one that is under way."""
        if self.last is None or self.last.done:
            self.last = Run(self.last.number + 1 if self.last else 1, datetime.now(UTC))
            self._task = asyncio.create_task(self._run(self.last), name="self test")
        return self.last

    async def run(self) -> AsyncIterator[CheckResult]:
        run, told = self.begin(), 0
        while True:
            await run.more_than(told)
            for result in run.results[told:]:
                yield result
                told += 1
            if run.done and told == len(run.results):
                return

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, run: Run) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for check in self._checks:
                    tasks.create_task(_one(run, check), name=f"check {check.name}")
        finally:
            run.finish()


async def _one(run: Run, check: Check) -> None:
    began = time.monotonic()
    try:
        async with asyncio.timeout(check.within):
            finding = await check.look()
    except TimeoutError:
        finding = check.slow or Finding(
            "fail", f"not done within {check.within:g} s", "the machine, or what is asked, hangs: try again"
        )
    except Exception as exc:
        log.exception("check %s", check.name)
        finding = Finding(
            "fail", f"the check itself went wrong: {type(exc).__name__}: {exc}", "the log says more"
        )
    took = time.monotonic() - began
    run.add(CheckResult(check.name, finding.state, finding.found, finding.remedy, took))

"""A self test whose results are given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from shell.checks_ports import CheckResult

RESULTS = (
    CheckResult("memory", "ok", "1024 MB of 2048 MB free"),
    CheckResult("login page", "ok", "it answers after 8 ms", took_s=0.01),
    CheckResult("PBX configured", "warn", "no PBX", "name it as [[peer]] in callisto.toml"),
    CheckResult("time", "skipped", "there is no time server", "set gTimeServer NAME"),
)


class FakeSelfTest:
    """`failure`: raised after the results. `runs`: how often it was asked."""

    def __init__(self, results: Sequence[CheckResult] = RESULTS) -> None:
        self.results = tuple(results)
        self.failure: Exception | None = None
        self.runs = 0

    async def run(self) -> AsyncIterator[CheckResult]:
        self.runs += 1
        for result in self.results:
            yield result
        if self.failure is not None:
            raise self.failure

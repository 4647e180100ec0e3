"""Support bundles in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta

from shell.support_ports import Bundle, Progress, SupportRefusedError

MADE = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PARTS = ("version.json", "configuration.json", "log.txt")


class FakeSupport:
    """`failure`: raised after the first step. `hold`: the bundle is not finished until it is set; None: at
    once. `cancelled`: how many were given up."""

    def __init__(self) -> None:
        self.kept: list[Bundle] = []
        self.failure: Exception | None = None
        self.missing: tuple[str, ...] = ()
        self.hold: asyncio.Event | None = None
        self.cancelled = 0

    async def make(self) -> AsyncGenerator[Progress, None]:
        done = False
        try:
            for number, part in enumerate(PARTS, 1):
                yield Progress(number, len(PARTS), part)
                if self.failure is not None:
                    raise self.failure
            if self.hold:
                await self.hold.wait()
            made = MADE + timedelta(seconds=len(self.kept))
            bundle = Bundle(f"support-{made:%Y%m%d-%H%M%S}.zip", 12345, made)
            self.kept = [bundle, *self.kept][:3]
            done = True
            yield Progress(len(PARTS), len(PARTS), "", self.missing, bundle)
        finally:
            self.cancelled += not done

    async def bundles(self) -> Sequence[Bundle]:
        return tuple(self.kept)

    async def delete(self, name: str) -> None:
        left = [each for each in self.kept if each.name != name]
        if len(left) == len(self.kept):
            raise SupportRefusedError(f"there is no bundle {name!r}", "show bundles lists them")
        self.kept = left

"""A store that is compacted in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from db.compacted import Compacted, Old
from db.variables.states import Actor
from shell.compact_ports import Compacting, CompactRefusedError

OLD = (Old("call records", 1095, 4711), Old("lines of the audit trail", 0, 0))
DONE = Compacted(40_000_000, 18_000_000, OLD, 0.123, 1.5)


class FakeCompact:
    """`hold`: it is not finished until that is set; None: at once. `failure`: raised instead of a result.
    `asked`: by whom it was begun."""

    def __init__(self) -> None:
        self.hold: asyncio.Event | None = None
        self.failure: CompactRefusedError | None = None
        self.result = DONE
        self.asked: list[Actor] = []
        self._runs = False

    async def old(self) -> Sequence[Old]:
        return OLD

    async def run(self, actor: Actor) -> AsyncGenerator[Compacting, None]:
        if self._runs:
            raise CompactRefusedError(
                f"the store is being compacted already, by {self.asked[-1].user}", "show audit"
            )
        self.asked.append(actor)
        self._runs = True
        yield Compacting("begins")
        if self.hold:
            await self.hold.wait()
        self._runs = False
        if self.failure:
            raise self.failure
        yield Compacting("", self.result)

"""What is being done with updates, for whoever looks on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from db.variables.states import Actor
from shell.update_ports import UpdateRefusedError, UpdateState, What


class Showing:
    """One thing at a time; `state` is the last one. `number`: of the last one, they go up. `publish` is told
    what is to be seen. Inside a running loop."""

    def __init__(self, now: Callable[[], datetime], publish: Callable[[Mapping[str, object]], None]) -> None:
        self._now = now
        self._publish = publish
        self._changed = asyncio.Event()
        self.state: UpdateState | None = None
        self.number = 0

    @property
    def under_way(self) -> UpdateState | None:
        """What is being done now."""
        return self.state if self.state is not None and not self.state.done else None

    def refuse(self) -> None:
        """Raises UpdateRefusedError while something is being done."""
        if (now := self.under_way) is not None:
            what = f"{now.what} {now.name}".rstrip()
            raise UpdateRefusedError(f"{now.who} is at it already: {what}", "update status looks on")

    def begun(self, what: What, name: str, actor: Actor) -> UpdateState:
        self.number += 1
        state = UpdateState(self.number, what, name, actor.user or "somebody", self._now())
        self.see(state)
        return state

    def at(self, doing: str, percent: int) -> None:
        """Of what is being done; it never goes back, and is not all of it before the end."""
        if (now := self.under_way) is not None:
            percent = max(now.percent, min(percent, 99))
            if (doing, percent) != (now.doing, now.percent):
                self.see(replace(now, doing=doing, percent=percent))

    def see(self, state: UpdateState) -> None:
        self.state = state
        self.tell()

    def tell(self) -> None:
        """That there is something else to be seen."""
        if (now := self.state) is not None:
            self._publish({"what": now.what, "percent": now.percent, "doing": now.doing, "done": now.done})
        self._changed.set()
        self._changed = asyncio.Event()

    async def another(self) -> None:
        """Return when there is."""
        await self._changed.wait()

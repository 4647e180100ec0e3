"""Words of a line that only the store or the supervisor knows, asked for beside the prompt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from shell.completion import Known, Source
from shell.registry import Context
from shell.term import Suggestion

log = logging.getLogger(__name__)

WITHIN = 1.0
MOST = 200


class Vocabulary:
    """What the sources of arguments had last. No prompt waits for them; `close` when the session ends."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._asking: asyncio.Task[None] | None = None
        self._words: dict[Source, Sequence[Suggestion]] = {}
        self._sources = {
            argument.source
            for command in context.commands
            for argument in command.arguments
            if argument.source is not None
        }

    @property
    def known(self) -> Known:
        return Known(self._context.services.rules, self._words)

    def refresh(self) -> None:
        """Ask anew, unless that is going on."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self.ask(), name="words for completion")

    async def ask(self) -> None:
        """All at once; what cannot be had is not offered."""
        await asyncio.gather(*(self._ask(source) for source in self._sources))

    async def _ask(self, source: Source) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                self._words[source] = tuple(await source(self._context))[:MOST]
        except Exception as exc:  # whatever is wrong is said by the command itself
            self._words.pop(source, None)
            log.debug("no words from %s: %s", source, exc)

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            with suppress(asyncio.CancelledError):
                await self._asking

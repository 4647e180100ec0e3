"""A call that is not made, by the table that calls are routed by: `shell.office_ports.Rehearsal`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from appliance.routing_file import RoutingFile
from appliance.when import WhenError, parse
from router.dryrun import Explanation, UnknownGroupError, dry_run
from router.model import RoutingTable
from router.table import TableError
from shell.office_ports import RehearsalRefusedError

PIECE_S = 0.003


class TableRehearsal:
    """Reads the file anew when it is another one. One at a time: a table may be large."""

    def __init__(self, path: Path, zone: Callable[[], ZoneInfo]) -> None:
        self._file = RoutingFile(path)
        self._zone = zone
        self._table: RoutingTable | None = None
        self._alone = asyncio.Lock()

    async def explain(self, called: str, caller: str, at: str) -> Explanation:
        async with self._alone:
            return await asyncio.to_thread(self._explain, called, caller, at)

    def _explain(self, called: str, caller: str, at: str) -> Explanation:
        zone = self._zone()
        now = datetime.now(zone)
        table = self._read()
        group = table.groups.get(called)
        try:
            return dry_run(
                table, group.name if group else called, caller, parse(at, now, zone) if at else now
            )
        except WhenError as exc:
            raise RehearsalRefusedError(str(exc)) from exc
        except UnknownGroupError as exc:
            raise RehearsalRefusedError(str(exc), exc.hint) from exc

    def _read(self) -> RoutingTable:
        try:
            self._table = self._whole() or self._table
        except (OSError, TableError) as exc:
            if self._table is None:
                raise RehearsalRefusedError(f"calls are routed by nothing yet: {exc}", "show info") from exc
        assert self._table is not None
        return self._table

    def _whole(self) -> RoutingTable | None:
        """The table, if there is a new one: in pieces, since whoever types in this process waits for none."""
        while (found := self._file.turn(PIECE_S)) is None and self._file.is_reading:
            time.sleep(PIECE_S)
        return found

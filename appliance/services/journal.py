"""What the units write: their lines as they come, from systemd's journal."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from appliance.services.ports import Unit
from appliance.services.process import ChildProcess, in_words
from appliance.services.unit_facts import unit_name

log = logging.getLogger(__name__)

AGAIN_AFTER = 5.0
PROGRAM = "journalctl"
_FIELDS = "MESSAGE,_SYSTEMD_UNIT"


class Journal:
    """`env` is the whole environment of journalctl(1); `output` gets a unit and one or more whole lines."""

    def __init__(self, env: Mapping[str, str], output: Callable[[Unit, str], None]) -> None:
        self._env = env
        self._output = output

    async def run(self) -> None:
        """Until cancelled. What was written before is left alone: it has been seen, or nobody was there."""
        units = [f"--unit={unit_name(unit)}" for unit in Unit]
        argv = (PROGRAM, "--follow", "--lines=0", "--output=json", f"--output-fields={_FIELDS}", *units)
        said = False
        while True:
            try:
                process = await ChildProcess.start(argv, self._env, self._take)
                try:
                    why = in_words(await process.ended())
                finally:
                    process.kill()
            except OSError as exc:
                why = str(exc)
            level = logging.DEBUG if said else logging.WARNING
            log.log(level, "the services' log is not seen: %s: %s", PROGRAM, why)
            said = True
            await asyncio.sleep(AGAIN_AFTER)

    def _take(self, lines: str) -> None:
        """Lines of one unit that follow each other are passed on together."""
        unit: Unit | None = None
        together: list[str] = []
        for found in map(entry, lines.split("\n")):
            if found is None:
                continue
            if found[0] is not unit and unit is not None and together:
                self._output(unit, "\n".join(together))
                together = []
            unit, text = found
            together.append(text)
        if unit is not None and together:
            self._output(unit, "\n".join(together))


_UNITS = {unit_name(unit): unit for unit in Unit}


def entry(line: str) -> tuple[Unit, str] | None:
    """Of a line of `journalctl --output=json`; None for one that is not of a unit of ours."""
    try:
        found: Any = json.loads(line)
        unit = _UNITS[found["_SYSTEMD_UNIT"]]
        message = found["MESSAGE"]
        if isinstance(message, list):  # not UTF-8, or with control characters
            message = bytes(message).decode(errors="replace")
    except (ValueError, KeyError, TypeError):
        return None
    return (unit, message) if isinstance(message, str) else None

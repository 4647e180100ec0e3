"""What a supervisor puts into a bundle."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from appliance.config import Config
from appliance.store_keeper import StoreKeeper
from appliance.support import parts
from appliance.support.parts import Part, Writer
from appliance.support.secrets import Secrets
from appliance.trace.past import Past
from db.errors import StoreError
from firmware.release import running
from shell.checks_data import report
from shell.checks_ports import CheckResult
from shell.info import Sight, info

LOG_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class Contents:
    """`status`: as everybody is shown it; `self_test`: makes one."""

    config: Config
    store: StoreKeeper
    past: Past
    status: Callable[[], Mapping[str, Any]]
    self_test: Callable[[], AsyncIterator[CheckResult]]

    def secrets(self) -> Secrets:
        return Secrets(parts.known_secrets(self.config, os.environ))

    async def gather(self) -> Sequence[Part]:
        """What the loop alone may ask is asked here; the rest when it is written."""
        results = [result async for result in self.self_test()]
        status, release = dict(self.status()), running()
        write = Writer(self.secrets())
        from_store = [
            write.data(name, await self._asked(ask))
            for name, ask in (
                ("store.json", parts.store_facts),
                ("variables.json", parts.variables),
                ("runs.json", parts.runs),
            )
        ]
        audit = await self._asked(parts.audit)
        return (
            write.data(
                "version.json", lambda: parts.version(release.version, from_checkout=release.from_checkout)
            ),
            write.data("configuration.json", lambda: parts.configuration(self.config)),
            write.data("status.json", lambda: status),
            write.data("info.json", lambda: info(status, Sight(datetime.now(UTC), release.version))),
            write.data("selftest.json", lambda: report(results)),
            *from_store,
            write.text("audit.txt", audit),
            write.text("log.txt", self._log),
            *write.captures(self.config.state / "traces"),
        )

    async def _asked(self, ask: Callable[[Any], Any]) -> Callable[[], Any]:
        """What the store says, or what it raises when it is written: a bundle is made without it, too."""
        try:
            found = await self.store.do(ask)
        except StoreError as exc:
            return _raising(exc)
        return lambda: found

    def _log(self) -> Sequence[str]:
        now = time.time()
        return [
            f"{datetime.fromtimestamp(each.at, UTC).isoformat(timespec='milliseconds')} "
            f"{each.level.upper()} {each.process}: {each.text}"
            for each in self.past.records(now - 3600, now, most=LOG_RECORDS)
        ]


def _raising(exc: Exception) -> Callable[[], Any]:
    def fail() -> Any:
        raise exc

    return fail

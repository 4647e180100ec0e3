"""What the supervisor looks up of the machine for the status; what seldom changes is looked up seldom."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar

from appliance import network, sysinfo
from appliance.checks.suite import configured_certificates
from appliance.config import Config
from appliance.processes import Figures, Processes
from shell.trace.record import Record
from shell.trace.redact import redact_text

T = TypeVar("T")

NETWORK_EVERY = 5.0
CERTIFICATES_EVERY = 60.0
LONGEST_ALARM = 300


class Machine:
    """Never waits for anything but files."""

    def __init__(self, config: Config) -> None:
        self._state = config.state
        self._processes = Processes()
        self._network = _Kept(network.facts, NETWORK_EVERY)
        self._certificates = _Kept(lambda: _certificates(config), CERTIFICATES_EVERY)

    def host(self) -> dict[str, object]:
        return sysinfo.host(self._state)

    def network(self) -> dict[str, object]:
        return self._network.get()

    def certificates(self) -> list[dict[str, object]]:
        return self._certificates.get()

    def figures(self, pids: Iterable[int]) -> Mapping[int, Figures]:
        """Of these processes and of our own."""
        wanted = {*pids, os.getpid()}
        self._processes.forget_all_but(wanted)
        found = {pid: self._processes.look(pid) for pid in wanted}
        return {pid: figures for pid, figures in found.items() if figures}


def alarms(records: Sequence[Record], most: int = 5) -> list[dict[str, object]]:
    """The last ones, newest first, without what looks like a secret."""
    return [
        {
            "at": datetime.fromtimestamp(each.at, UTC).isoformat(timespec="seconds"),
            "process": each.process,
            "level": each.level,
            "text": redact_text(each.text)[:LONGEST_ALARM],
        }
        for each in reversed(records[-most:])
    ]


class _Kept(Generic[T]):
    """A value, looked up anew when it is older than `seconds`."""

    def __init__(self, look: Callable[[], T], seconds: float) -> None:
        self._look = look
        self._seconds = seconds
        self._found: tuple[float, T] | None = None

    def get(self) -> T:
        now = time.monotonic()
        if self._found is None or now - self._found[0] >= self._seconds:
            self._found = (now, self._look())
        return self._found[1]


def _certificates(config: Config) -> list[dict[str, object]]:
    today = datetime.now(UTC)
    return [
        {
            "setting": each.what,
            "subject": each.subject,
            "expires": each.expires.isoformat() if each.expires else None,
            "days_left": (each.expires - today).days if each.expires else None,
            "problem": each.problem,
        }
        for each in configured_certificates(config)
    ]

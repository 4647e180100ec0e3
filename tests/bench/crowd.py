"""A thousand calls at once, from phone to phone: do they all hold, and what do they take?"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from appliance.demo.local import free_port
from appliance.demo.phones import end
from tests.bench.callisto import Callisto
from tests.bench.load import phone, place_calls
from tests.bench.page import Mark, Section, at_least, number
from tests.bench.processes import pss_mb, tree_cpu_s

CALLS, AT_ONCE = 1100, 1000
RATE = 100
HOLD_S = 18
"""Long enough that all of them are up together for some seconds, in which the router tells of it."""


def measure(program: str, folder: Path, conditions: Sequence[str]) -> Section:
    with ExitStack() as running:
        answering = free_port()
        running.callback(end, phone(program, answering, "phone", folder / "phone"))
        ours = Callisto(folder / "callisto", answering, answering)
        running.callback(ours.stop)
        ours.start()
        assert ours.pid is not None
        assert ours.router_pid is not None
        seen = _Seen(ours, ours.router_pid)
        idle_mb, cpu = pss_mb(ours.router_pid), tree_cpu_s(ours.pid)
        outcome = place_calls(
            program,
            ours.port,
            ours.number,
            rate=RATE,
            calls=CALLS,
            hold_s=HOLD_S,
            folder=folder / "calls",
            meanwhile=seen.look,
        )
        cpu = tree_cpu_s(ours.pid) - cpu
    text = (
        f"{CALLS} calls, {RATE} a second, each holding {HOLD_S} s: {cpu:.1f} CPU seconds of the whole"
        " tree. The router"
        f" had {idle_mb:.0f} MB before the first and {seen.memory_mb:.0f} MB at most."
    )
    marks = (
        at_least(f"{AT_ONCE} calls at once, as the router counts them", seen.most or None, AT_ONCE),
        Mark("no call failed", number(outcome.failed, 0), outcome.failed == 0),
    )
    return Section("crowd", tuple(conditions), marks, text)


class _Seen:
    def __init__(self, ours: Callisto, router_pid: int) -> None:
        self._ours, self._router_pid = ours, router_pid
        self.most = 0
        self.memory_mb = 0.0

    def look(self) -> None:
        self.most = max(self.most, int(self._ours.facts().get("calls_now", 0)))
        self.memory_mb = max(self.memory_mb, pss_mb(self._router_pid))

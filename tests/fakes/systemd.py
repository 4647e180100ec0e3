"""systemd as `SystemdUnits` sees it, over real processes: a `Systemctl` without systemd."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from appliance.lifecycle import State
from appliance.services.children import LocalChildren
from appliance.services.ports import Unit, UnitFailedError, UnitState
from appliance.services.systemctl import SystemctlError
from appliance.services.unit_facts import unit_name

STATES = {
    State.STOPPED: ("inactive", "dead"),
    State.STARTING: ("activating", "start"),
    State.READY: ("active", "running"),
    State.STOPPING: ("deactivating", "stop-sigterm"),
    State.BACKING_OFF: ("activating", "auto-restart"),
    State.FAILED: ("failed", "failed"),
}


class FakeSystemd:
    """`children` are what systemd would run; `proc` gets their control groups; `changed` is the signal."""

    def __init__(self, children: LocalChildren, proc: Path) -> None:
        self._children = children
        self._proc = proc
        self._invocations: dict[Unit, list[int]] = {unit: [] for unit in Unit}
        self._systemds = dict.fromkeys(Unit, 0)
        self.changed: Callable[[], None] = lambda: None
        self.denies = False
        self.asked: list[tuple[str, str]] = []
        children.watch(self._see)

    async def do(self, verb: str, unit: str) -> None:
        self.asked.append((verb, unit))
        if self.denies:
            raise SystemctlError(f"Failed to {verb} {unit}: Access denied")
        known = next(one for one in Unit if unit_name(one) == unit)
        try:
            await {
                "start": self._children.start,
                "stop": self._children.stop,
                "restart": self._children.restart,
            }[verb](known)
        except UnitFailedError as exc:
            raise SystemctlError(f"Job for {unit} failed because {exc.reason}.") from exc

    async def show(self, units: list[str], properties: tuple[str, ...]) -> Mapping[str, Mapping[str, str]]:
        known = {unit_name(unit): self._properties(unit) for unit in Unit}
        return {name: {one: known[name][one] for one in properties} for name in units}

    def _see(self, state: UnitState) -> None:
        if state.state is State.BACKING_OFF:
            self._systemds[state.unit] += 1
        if state.pid and state.pid not in self._invocations[state.unit]:
            self._invocations[state.unit].append(state.pid)
            (self._proc / str(state.pid)).mkdir(parents=True)
            (self._proc / str(state.pid) / "cgroup").write_text(
                f"1:name=systemd:/x\n0::/system.slice/{unit_name(state.unit)}\n"
            )
        self.changed()

    def _properties(self, unit: Unit) -> dict[str, str]:
        state = self._children.state(unit)
        active, sub = STATES[state.state]
        code, status = _ending(state.last_exit) if state.pid is None else ("0", "0")
        return {
            "Id": unit_name(unit),
            "LoadState": "loaded",
            "ActiveState": active,
            "SubState": sub,
            "MainPID": str(state.pid or 0),
            "InvocationID": f"{len(self._invocations[unit]):032x}" if self._invocations[unit] else "",
            "NRestarts": str(self._systemds[unit]),
            "Result": "success" if code == "0" else "exit-code",
            "ExecMainCode": code,
            "ExecMainStatus": status,
            "StateChangeTimestampMonotonic": str(round(state.since * 1e6)),
        }


def _ending(words: str | None) -> tuple[str, str]:
    if words is None:
        return "0", "0"
    if found := re.fullmatch(r"exit code (\d+)", words):
        return "1", found[1]
    if found := re.fullmatch(r"killed by (SIG\w+)", words):
        return "2", str(int(signal.Signals[found[1]]))
    return "1", "0"

"""Calls a second: our router beside Kamailio, sippy and Asterisk, one after the other, step by step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from appliance.demo.local import free_port
from appliance.demo.phones import end
from tests.bench.callisto import Callisto
from tests.bench.figures import Step, Total
from tests.bench.load import HOLD_S, phone, place_calls
from tests.bench.page import number
from tests.bench.processes import cpu_s, tree_cpu_s
from tests.bench.report import Run
from tests.bench.systems import AbsentError, Asterisk, Direct, Kamailio, Sippy, System

RATES = (100, 200, 300, 450)
SECONDS = 6
IDLE_SHARE = 0.1
SETTLE_WITHIN_S = 40.0
LINGER_S = 34
"""Longer than timers F, H and J of RFC 3261: until then an ended call still has to be cleared away."""


def measure(
    program: str,
    folder: Path,
    conditions: tuple[str, ...],
    *,
    rates: Sequence[int] = RATES,
    seconds: int = SECONDS,
    alone: bool = False,
    linger: bool = True,
) -> Run:
    """`program`: sipp; `alone`: without the peers; `linger`: whether the ending of transactions counts."""
    with ExitStack() as running:
        answering, busy = free_port(), free_port()
        for port, scenario in ((answering, "phone"), (busy, "busy")):
            running.callback(end, phone(program, port, scenario, folder / scenario))
        ours = Callisto(folder / "callisto", answering, busy)
        peers: tuple[System, ...] = (
            Kamailio(folder / "kamailio", answering),
            Sippy(folder / "sippy", answering),
            Asterisk(folder / "asterisk", answering),
        )
        beside = () if alone else peers
        started, absent = _start((Direct(answering), ours, ours.hunting, *beside), running)
        if ours.name in absent:
            raise AbsentError(f"{ours.name}: {absent[ours.name]}")
        roots = {system.name: system.pid for system in started if system.pid and system is not ours.hunting}
        begun = {name: tree_cpu_s(pid) for name, pid in roots.items()}
        steps = _steps(program, started, rates, seconds, folder)
        if linger:
            time.sleep(LINGER_S)
        totals = tuple(
            Total(name, _calls(steps, name), tree_cpu_s(pid) - begun[name]) for name, pid in roots.items()
        )
    lasting = f"steps of {seconds} s; each call holds {HOLD_S} s"
    versions = {system.name: system.version for system in started}
    names = tuple(peer.name for peer in peers)
    return Run(
        tuple(steps),
        totals,
        ours.name,
        Kamailio.name,
        Sippy.name,
        names,
        versions,
        absent,
        (*conditions, lasting),
    )


def _start(systems: Sequence[System], running: ExitStack) -> tuple[list[System], dict[str, str]]:
    started, absent = [], {}
    for system in systems:
        running.callback(system.stop)
        try:
            system.start()
        except AbsentError as exc:
            absent[system.name] = str(exc)
            print(f"{system.name}: not measured: {exc}", flush=True)
        else:
            started.append(system)
    settle([system.pid for system in started if system.pid])
    return started, absent


def _steps(
    program: str, started: Sequence[System], rates: Sequence[int], seconds: int, folder: Path
) -> list[Step]:
    steps: list[Step] = []
    overloaded: set[str] = set()
    for rate in rates:
        for system in started:
            if system.name in overloaded:
                continue
            step = _step(program, system, rate, seconds, folder / f"{len(steps)}")
            steps.append(step)
            _say(step)
            if step.failed:
                overloaded.add(system.name)
            settle([other.pid for other in started if other.pid])
    return steps


def _step(program: str, system: System, rate: int, seconds: int, folder: Path) -> Step:
    tree_before = tree_cpu_s(system.pid) if system.pid else 0.0
    router_before = cpu_s(system.router_pid) if system.router_pid else 0.0
    outcome = place_calls(program, system.port, system.number, rate=rate, calls=rate * seconds, folder=folder)
    return Step(
        system.name,
        rate,
        outcome.calls,
        outcome.failed,
        outcome.retransmissions,
        outcome.setup_ms,
        tree_cpu_s(system.pid) - tree_before if system.pid else 0.0,
        cpu_s(system.router_pid) - router_before if system.router_pid else None,
    )


def _calls(steps: Sequence[Step], system: str) -> int:
    """Of one process tree, whatever the scenario."""
    return sum(step.calls for step in steps if step.system.partition(",")[0] == system)


def settle(pids: Sequence[int]) -> None:
    """Return when no system works any more: what one still has to do would be taken from the next."""
    deadline = time.monotonic() + SETTLE_WITHIN_S
    while time.monotonic() < deadline:
        before = sum(tree_cpu_s(pid) for pid in pids)
        time.sleep(0.5)
        if sum(tree_cpu_s(pid) for pid in pids) - before < IDLE_SHARE * 0.5:
            return


def _say(step: Step) -> None:
    setup = "/".join(number(step.percentile(share), 1) for share in (0.5, 0.95, 0.99))
    counts = f"failed {step.failed:4} of {step.calls:4}"
    cpu = number(step.cpu_per_1000, 2)
    print(f"{step.rate:4}/s  {step.system:20} {counts}  {setup} ms  {cpu} CPU s/1000", flush=True)

"""`python -P -m tests.bench`: our router beside Kamailio and sippy's B2BUA, one after the other in one run.

Exit code 0: all marks that could be measured are met; 1: one is missed; 2: nothing could be measured.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from appliance.demo.local import NotReadyError, free_port
from appliance.demo.phones import NoSippError, end, sipp
from tests.bench.callisto import Callisto
from tests.bench.figures import Step, Total
from tests.bench.load import HOLD_S, phone, place_calls
from tests.bench.processes import cpu_s, tree_cpu_s
from tests.bench.report import Run, marks, number, page
from tests.bench.systems import AbsentError, Direct, Kamailio, Sippy, System

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
IDLE_SHARE = 0.1
SETTLE_WITHIN_S = 40.0
LINGER_S = 34
"""Longer than timers F, H and J of RFC 3261: until then an ended call still has to be cleared away."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    try:
        program = sipp()
    except NoSippError as exc:
        print(exc, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="callisto-bench-") as folder, ExitStack() as running:
        try:
            run = _measure(program, Path(folder), options, running)
        except (AbsentError, NotReadyError) as exc:
            print(exc, file=sys.stderr)
            return 2
    for mark in marks(run):
        print(f"{'?' if mark.met is None else '+' if mark.met else '-'} {mark.text}: {mark.measured}")
    if options.out:
        options.out.write_text(page(run))
        print(f"written: {options.out}")
    return 1 if any(mark.met is False for mark in marks(run)) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -P -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short step each, under a minute; no page")
    parser.add_argument("--rates", type=int, nargs="+", help="calls a second, one step each")
    parser.add_argument("--seconds", type=int, help="length of a step")
    parser.add_argument("--out", type=Path, help="where the page goes")
    options = parser.parse_args(arguments)
    options.rates = sorted(options.rates or ([100] if options.quick else [50, 100, 200, 300]))
    options.seconds = options.seconds or (3 if options.quick else 6)
    options.out = options.out or (None if options.quick else PAGE)
    return options


def _measure(program: str, folder: Path, options: argparse.Namespace, running: ExitStack) -> Run:
    answering, busy = free_port(), free_port()
    for port, scenario in ((answering, "phone"), (busy, "busy")):
        home = folder / scenario
        home.mkdir()
        running.callback(end, phone(program, port, scenario, home))
    ours = Callisto(folder / "callisto", answering, busy)
    peers: tuple[System, ...] = (Kamailio(folder / "kamailio", answering), Sippy(folder / "sippy", answering))
    started, absent = _start((Direct(answering), ours, ours.hunting, *peers), running)
    if ours.name in absent:
        raise AbsentError(f"{ours.name}: {absent[ours.name]}")
    roots = {system.name: system.pid for system in started if system.pid and system is not ours.hunting}
    begun = {name: tree_cpu_s(pid) for name, pid in roots.items()}
    steps: list[Step] = []
    overloaded: set[str] = set()
    for rate in options.rates:
        for system in started:
            if system.name in overloaded:
                continue
            step = _step(program, system, rate, options.seconds, folder / f"{len(steps)}")
            steps.append(step)
            _say(step)
            if step.failed:
                overloaded.add(system.name)
            _settle([other.pid for other in started if other.pid])
    if not options.quick:
        time.sleep(LINGER_S)
    totals = tuple(
        Total(name, _calls(steps, name), tree_cpu_s(pid) - begun[name]) for name, pid in roots.items()
    )
    return Run(
        tuple(steps),
        totals,
        ours.name,
        Sippy.name,
        tuple(peer.name for peer in peers),
        {system.name: system.version for system in started},
        absent,
        _conditions(program, options, ours),
        "make bench",
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
    _settle([system.pid for system in started if system.pid])
    return started, absent


def _step(program: str, system: System, rate: int, seconds: int, folder: Path) -> Step:
    tree_before = tree_cpu_s(system.pid) if system.pid else 0.0
    router_before = cpu_s(system.router_pid) if system.router_pid else 0.0
    outcome = place_calls(program, system.port, system.number, rate=rate, seconds=seconds, folder=folder)
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


def _settle(pids: Sequence[int]) -> None:
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


def _conditions(program: str, options: argparse.Namespace, ours: Callisto) -> tuple[str, ...]:
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stdout
    tool = next((line.strip(" .") for line in said.splitlines() if line.strip()), "sipp")
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({_processor()}), Linux {platform.release()}, "
        f"Python {platform.python_version()}",
        f"caller and phones: {tool}",
        f"engine: {ours.engine}",
        f"steps of {options.seconds} s, so each call of the last second still holds {HOLD_S} s",
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())

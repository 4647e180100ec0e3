"""Twenty thousand trace records a second, eight viewers, and half of them take nothing."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

from appliance.control.client import ControlClient
from appliance.control.reporter import Reporter
from appliance.demo.local import LocalAppliance
from appliance.trace.batches import Batcher
from shell.trace.record import TOPIC, Record
from shell.trace_ports import RING
from tests.bench import trace_cost
from tests.bench.figures import percentile
from tests.bench.lookers import GOOD, OURS, STALLED
from tests.bench.page import Mark, Section, at_most, table
from tests.bench.processes import cpu_s, pss_mb

RATE = 20_000
SECONDS = 8.0
SLICE_S = 0.01
LINGER_S = 0.5
LATE_P99_MS = 500.0
OTHERS = 100
"""Records at most that the processes themselves had to tell meanwhile."""
ASKED_EVERY_S = 0.1
ANSWER_P99_MS = 100.0
GROWTH_MB = 40.0
"""A ring of eight viewers, the outbox of a socket, and a batch on its way."""


@dataclass(frozen=True, slots=True)
class Run:
    """`seconds`: how long it took to send. `cpu`: of one core while it was sent, by process; `growth_mb`: of
    its memory. `answers_ms`: what a request to the supervisor took meanwhile."""

    sent: int
    seconds: float
    found: dict[str, Any]
    cpu: dict[str, float]
    growth_mb: dict[str, float]
    answers_ms: list[float]


def measure(_program: str, folder: Path, conditions: Sequence[str]) -> Section:
    with LocalAppliance(folder / "callisto") as appliance:
        appliance.start()
        run = look_at(appliance)
    cost = trace_cost.measure()
    judged, told = (*marks(run), *trace_cost.marks(cost)), f"{words(run)}\n\n{trace_cost.words(cost)}"
    return Section("trace", tuple(conditions[:1]), judged, told)


def look_at(appliance: LocalAppliance, rate: int = RATE, seconds: float = SECONDS) -> Run:
    """The records come from this process, by the means that the router has."""
    with ExitStack() as running:
        lookers = running.enter_context(_lookers(appliance.control_socket))
        source = Source(appliance.control_socket)
        running.callback(source.close)
        pids = {"supervisor": appliance.pid, "viewers' process": lookers.pid}
        memory = {name: pss_mb(pid) for name, pid in pids.items()}
        before, began = {name: cpu_s(pid) for name, pid in pids.items()}, time.monotonic()
        asking = running.enter_context(_asking(appliance.control_socket))
        took = source.send(rate, seconds)
        passed = time.monotonic() - began
        cpu = {name: (cpu_s(pid) - before[name]) / passed for name, pid in pids.items()}
        answers = asking.stop()
        growth = {name: pss_mb(pid) - memory[name] for name, pid in pids.items()}
        sent = int(rate * seconds)
        found = _told(lookers, sent)
        return Run(sent, took, found, cpu, growth, answers)


class Source:
    """Publishes records as the router does: from one thread that never waits for the socket."""

    def __init__(self, path: Path) -> None:
        self._reporter = Reporter(path, OURS)
        self._batcher = Batcher(OURS, partial(self._reporter.publish, TOPIC))
        self.close = self._reporter.close
        self._reporter.turn(time.monotonic())

    def send(self, rate: int, seconds: float) -> float:
        """Send all of them at that rate; the seconds that it took."""
        began = time.monotonic()
        sent, all_of_them = 0, int(rate * seconds)
        while sent < all_of_them:
            due = min(int(rate * (time.monotonic() - began)) + 1, all_of_them)
            at = time.time()
            for number in range(sent, due):
                text = f"record {number}: manager away: assistant {number % 7} of 7, Berta Bucher, rings"
                self._batcher.put(Record(at, OURS, "info", "call", text, "0af7651916cd43dd8448", ("600",)))
            sent = due
            self._turn()
        took = time.monotonic() - began
        self._batcher.flush()
        for _ in range(int(LINGER_S / SLICE_S)):
            self._turn()
        return took

    def _turn(self) -> None:
        now = time.monotonic()
        self._batcher.turn(now)
        self._reporter.turn(now)
        time.sleep(SLICE_S)


@contextmanager
def _lookers(path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.bench.lookers", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=_environment(),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "the viewers' process has not begun to look"
        yield process
    finally:
        process.kill()
        process.wait()


def _told(lookers: subprocess.Popen[str], sent: int) -> dict[str, Any]:
    told, _ = lookers.communicate(f"{sent}\n", timeout=30)
    found: dict[str, Any] = json.loads(told)
    return found


class _Asking:
    """Asks the supervisor for its status again and again, as an admin's page would."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stopping = Event()
        self._took_ms: list[float] = []
        self._thread = Thread(target=lambda: asyncio.run(self._ask()), name="asking")
        self._thread.start()

    def stop(self) -> list[float]:
        """Milliseconds, ascending."""
        self._stopping.set()
        self._thread.join()
        return sorted(self._took_ms)

    async def _ask(self) -> None:
        async with ControlClient(self._path) as control:
            while not self._stopping.is_set():
                began = time.monotonic()
                await control.request("status", within=30)
                self._took_ms.append(1000 * (time.monotonic() - began))
                await asyncio.sleep(ASKED_EVERY_S)


@contextmanager
def _asking(path: Path) -> Iterator[_Asking]:
    asking = _Asking(path)
    try:
        yield asking
    finally:
        asking.stop()


def marks(run: Run) -> tuple[Mark, ...]:
    found = run.found
    good, stalled = found["good"], found["stalled"]
    shown_in_all = all(count == run.sent for count in good) and not any(found["good_missed"])
    counted = all(
        shown <= RING and run.sent <= shown + missed <= run.sent + OTHERS
        for shown, missed in zip(stalled, found["stalled_missed"], strict=True)
    )
    (records,), (lost,) = found["captured"], found["capture_lost"]
    captured = run.sent <= records <= run.sent + OTHERS and lost == 0
    delays = sorted(1000 * delay for delay in found["delays_s"])
    return (
        Mark(
            f"{RATE} records a second are sent",
            f"{run.sent / run.seconds:.0f} a second",
            run.sent / run.seconds >= 0.98 * RATE,
        ),
        Mark(
            f"the {GOOD} viewers who look lose nothing, {STALLED} others stall",
            f"{min(good)} to {max(good)} of {run.sent}",
            shown_in_all,
        ),
        Mark(
            f"a stalled viewer keeps the newest {RING}, and what he missed is counted",
            ", ".join(
                f"{shown} and {gone}" for shown, gone in zip(stalled, found["stalled_missed"], strict=True)
            ),
            counted,
        ),
        Mark("the capture has every record", f"{records}, {lost} lost", captured),
        at_most("shown after, p99", percentile(delays, 0.99), LATE_P99_MS, "ms", 0),
        at_most(
            "the supervisor answers meanwhile, p99", percentile(run.answers_ms, 0.99), ANSWER_P99_MS, "ms", 0
        ),
        *(
            at_most(f"memory of the {name} grows by", grown, GROWTH_MB, "MB")
            for name, grown in run.growth_mb.items()
        ),
    )


def words(run: Run) -> str:
    delays = run.found["delays_s"]
    middle = f"{1000 * statistics.median(delays):.0f} ms" if delays else "–"
    rows = [
        (name, f"{100 * share:.0f} %", f"{run.growth_mb[name]:+.1f} MB") for name, share in run.cpu.items()
    ]
    return (
        f"{run.sent} records in {run.seconds:.1f} s; a record is shown after {middle} (median). The viewers"
        " share one process and one subscription, as those of the shell do, and each line is made once for"
        " all of them.\n\n" + table(("", "CPU of one core", "memory"), rows)
    )


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

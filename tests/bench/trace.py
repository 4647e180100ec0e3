"""Twenty thousand trace records a second, eight viewers over Telnet, and half of them take nothing."""

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
from appliance.control.trace_client import ControlTrace
from appliance.demo.local import LocalAppliance
from appliance.trace.batches import Batcher
from shell.trace.record import TOPIC, Record
from shell.trace_ports import Capture
from tests.bench import trace_cost
from tests.bench.figures import percentile
from tests.bench.page import Mark, Section, at_most, table
from tests.bench.processes import cpu_s, pss_mb
from tests.bench.telnet_lookers import GOOD, STALLED, logged_in, until_heard

RATE = 20_000
SECONDS = 8.0
SLICE_S = 0.01
LINGER_S = 0.5
MOST_STALE = 6000
"""Records that a stalled viewer has before him: his ring, and what his connection had taken already."""
OTHERS = 100
"""Records at most that the processes themselves had to tell meanwhile."""
LATE_P99_MS = 500.0
ENTER_EVERY_S = 0.1
PROMPT_P99_MS = 100.0
GROWTH_MB = 40.0
"""Rings and connections of eight viewers, the outbox of a socket, and a batch on its way."""


@dataclass(frozen=True, slots=True)
class Run:
    """`seconds`: how long it took to send. `cpu`: of one core while it was sent, by process; `growth_mb`: of
    its memory. `prompts_ms`: what Enter took meanwhile in a session that looks at nothing."""

    sent: int
    seconds: float
    found: dict[str, Any]
    captures: Sequence[Capture]
    cpu: dict[str, float]
    growth_mb: dict[str, float]
    prompts_ms: Sequence[float]


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
        lookers = running.enter_context(_lookers(appliance))
        source = Source(appliance.control_socket)
        running.callback(source.close)
        pids = {"supervisor": appliance.pid, "shell": appliance.service("shell")["pid"]}
        memory = {name: pss_mb(pid) for name, pid in pids.items()}
        before, began = {name: cpu_s(pid) for name, pid in pids.items()}, time.monotonic()
        bystander = running.enter_context(_bystander(appliance))
        took = source.send(rate, seconds)
        passed = time.monotonic() - began
        cpu = {name: (cpu_s(pid) - before[name]) / passed for name, pid in pids.items()}
        prompts = bystander.stop()
        growth = {name: pss_mb(pid) - memory[name] for name, pid in pids.items()}
        sent = int(rate * seconds)
        found = _told(lookers, sent)
        captures = asyncio.run(_captures(appliance.control_socket))
        return Run(sent, took, found, captures, cpu, growth, prompts)


class Source:
    """Publishes records as the router does: from one thread that never waits for the socket."""

    def __init__(self, path: Path) -> None:
        self._reporter = Reporter(path, "bench")
        self._batcher = Batcher("bench", partial(self._reporter.publish, TOPIC))
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
                text = f"record {number}: {at:.3f} manager away: assistant {number % 7} of 7, Berta, rings"
                self._batcher.put(Record(at, "bench", "info", "call", text, "0af7651916cd43dd8448", ("600",)))
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


class _Bystander:
    """Presses Enter again and again, and looks at nothing."""

    def __init__(self, appliance: LocalAppliance) -> None:
        self._sock = logged_in(appliance.telnet_port, appliance.password, GOOD + STALLED)
        self._stopping = Event()
        self._took_ms: list[float] = []
        self._thread = Thread(target=self._press, name="bystander")
        self._thread.start()

    def stop(self) -> list[float]:
        """Milliseconds, ascending."""
        self._stopping.set()
        self._thread.join()
        self._sock.close()
        return sorted(self._took_ms)

    def _press(self) -> None:
        while not self._stopping.wait(ENTER_EVERY_S):
            began = time.monotonic()
            self._sock.sendall(b"\r\n")
            until_heard(self._sock, b"# ")
            self._took_ms.append(1000 * (time.monotonic() - began))


@contextmanager
def _bystander(appliance: LocalAppliance) -> Iterator[_Bystander]:
    bystander = _Bystander(appliance)
    try:
        yield bystander
    finally:
        bystander.stop()


@contextmanager
def _lookers(appliance: LocalAppliance) -> Iterator[subprocess.Popen[str]]:
    home = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.bench.telnet_lookers", str(appliance.telnet_port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(home), "BENCH_PASSWORD": appliance.password},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "the viewers have not begun to look"
        yield process
    finally:
        process.kill()
        process.wait()


def _told(lookers: subprocess.Popen[str], sent: int) -> dict[str, Any]:
    told, _ = lookers.communicate(f"{sent}\n", timeout=60)
    found: dict[str, Any] = json.loads(told)
    return found


async def _captures(path: Path) -> Sequence[Capture]:
    async with ControlClient(path) as control:
        return await ControlTrace(control, path).captures()


def marks(run: Run) -> tuple[Mark, ...]:
    found = run.found
    good, stalled = found["good"], found["stalled"]
    counted = [shown + gone for shown, gone in zip(stalled, found["stalled_missed"], strict=True)]
    captured = [(capture.records or 0, capture.lost) for capture in run.captures]
    delays = sorted(1000 * delay for delay in found["delays_s"])
    return (
        Mark(
            f"{RATE} records a second are sent",
            f"{run.sent / run.seconds:.0f} a second",
            run.sent / run.seconds >= 0.98 * RATE,
        ),
        Mark(
            f"the {GOOD} viewers who read lose nothing, while {STALLED} others stall",
            f"{min(good)} to {max(good)} of {run.sent}",
            all(count == run.sent for count in good) and not any(found["good_missed"]),
        ),
        Mark(
            f"a stalled viewer is shown at most {MOST_STALE} when he reads again, what he missed is counted",
            f"{min(stalled)} to {max(stalled)}, the rest counted",
            max(stalled) <= MOST_STALE and all(_nearly(count, run.sent) for count in counted),
        ),
        Mark(
            "the capture has every record",
            ", ".join(f"{records}, {lost} lost" for records, lost in captured),
            len(captured) == 1 and _nearly(captured[0][0], run.sent) and not captured[0][1],
        ),
        at_most("shown after, p99", percentile(delays, 0.99), LATE_P99_MS, "ms", 0),
        at_most(
            "the prompt of another session, p99", percentile(run.prompts_ms, 0.99), PROMPT_P99_MS, "ms", 0
        ),
        *(
            at_most(f"memory of the {name} grows by", grown, GROWTH_MB, "MB")
            for name, grown in run.growth_mb.items()
        ),
    )


def words(run: Run) -> str:
    rows = [
        (name, f"{100 * share:.0f} %", f"{run.growth_mb[name]:+.1f} MB") for name, share in run.cpu.items()
    ]
    return (
        f"{run.sent} records in {run.seconds:.1f} s. Shown after {_middle(run.found['delays_s'], 1000)}"
        f" (median); the prompt of another session takes {_middle(run.prompts_ms)} (median).\n\n"
        + table(("", "CPU of one core", "memory"), rows)
    )


def _nearly(count: int, sent: int) -> bool:
    """The processes themselves had something to tell, too."""
    return sent <= count <= sent + OTHERS


def _middle(values: Sequence[float], factor: float = 1) -> str:
    return f"{factor * statistics.median(values):.0f} ms" if values else "–"

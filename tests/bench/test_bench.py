"""The bench's own arithmetic: a wrong percentile would be believed for years."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

from appliance.demo.local import tree
from tests.bench.figures import Step, Total, highest_clean_rate, percentile
from tests.bench.load import setup_ms
from tests.bench.processes import tree_cpu_s
from tests.bench.report import Run, marks, page


def step(system: str, rate: int, *, failed: int = 0, p99: float = 4.0, cpu: float = 0.6) -> Step:
    return Step(system, rate, 600, failed, 0, (1.0,) * 590 + (p99,) * 10, cpu)


def run(*steps: Step, absent: dict[str, str] | None = None) -> Run:
    systems = {s.system: "1" for s in steps}
    peers = ("Kamailio", "sippy")
    totals = (Total("Callisto", 2000, 5.0),)
    return Run(steps, totals, "Callisto", "sippy", peers, systems, absent or {}, ("2 cores",), "make bench")


def test_a_percentile_is_the_nearest_rank() -> None:
    hundred = [float(n) for n in range(1, 101)]
    assert (percentile(hundred, 0.5), percentile(hundred, 0.99), percentile(hundred, 1)) == (50, 99, 100)
    assert percentile([7.0], 0.5) == 7
    assert percentile([], 0.5) is None


def test_the_clean_rate_ends_at_the_first_failure() -> None:
    steps = [step("a", 50), step("a", 100), step("a", 200, failed=1), step("a", 300)]
    assert highest_clean_rate(steps, "a") == 100
    assert highest_clean_rate([step("a", 50, failed=1)], "a") is None


def test_setup_is_from_the_first_invite_to_the_first_180_of_the_same_call() -> None:
    trace = (
        "2026-11-22\t15:00:00.000000\t100.000000\tS\tone\tCSeq:1 INVITE\tINVITE sip:7@host SIP/2.0",
        "2026-11-22\t15:00:00.000000\t100.001000\tS\ttwo\tCSeq:1 INVITE\tINVITE sip:7@host SIP/2.0",
        "2026-11-22\t15:00:00.000000\t100.001500\tR\tone\tCSeq:1 INVITE\tSIP/2.0 100 Trying",
        "2026-11-22\t15:00:00.000000\t100.500000\tS\tone\tCSeq:1 INVITE\tINVITE sip:7@host SIP/2.0",
        "2026-11-22\t15:00:00.000000\t100.502000\tR\tone\tCSeq:1 INVITE\tSIP/2.0 180 Ringing",
        "2026-11-22\t15:00:00.000000\t100.900000\tR\tone\tCSeq:1 INVITE\tSIP/2.0 180 Ringing",
        "cut off",
    )
    assert [round(ms, 3) for ms in setup_ms(trace)] == [502.0]


def test_the_marks_are_judged_by_the_step_at_100_calls_a_second() -> None:
    good = marks(run(step("Callisto", 100), step("Callisto", 300, failed=9), step("sippy", 100, cpu=3.0)))
    assert [mark.met for mark in good] == [True, True, True, True]
    bad = marks(run(step("Callisto", 100, p99=15.0, cpu=1.9), step("sippy", 100, cpu=3.0)))
    assert [mark.met for mark in bad] == [True, False, False, False]


def test_a_missing_peer_is_said_and_not_judged() -> None:
    alone = run(step("Callisto", 100), absent={"sippy": "no network"})
    assert marks(alone)[3].met is None
    assert "| sippy | not measured: no network |" in page(alone)


def test_the_ratio_of_cpu_time_is_ours_by_the_peers() -> None:
    ours, kamailio, sippy = (
        step("Callisto", 100),
        step("Kamailio", 100, cpu=0.3),
        step("sippy", 100, failed=2),
    )
    text = page(run(ours, kamailio, sippy))
    assert "| 100 | Kamailio | 1.00 | 1.00 | 1.00 | 2.00 |" in text
    assert "| 100 | sippy | 1.00 | 1.00 | 1.00 | – |" in text


def test_the_whole_run_is_shown_for_each_process_tree() -> None:
    assert "| Callisto | 2000 | 5.0 | 2.50 |" in page(run(step("Callisto", 100)))


def test_cpu_time_counts_the_children_of_a_process() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint('burnt', flush=True)\ntime.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"burnt\n"
        assert len(tree(process.pid)) == 2
        assert tree_cpu_s(process.pid) >= 0.3
    finally:
        children = tree(process.pid)
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    deadline = time.monotonic() + 5
    while tree(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert tree_cpu_s(process.pid) == 0

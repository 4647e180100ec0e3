"""The bench's own arithmetic: a wrong percentile would be believed for years."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.demo.local import tree
from tests import needs
from tests.bench import rates
from tests.bench.__main__ import USUAL, options_of
from tests.bench.figures import Fate, Packet, Step, Total, gaps_ms, highest_clean_rate, missing, percentile
from tests.bench.load import read_fates
from tests.bench.overload import normal_after
from tests.bench.page import Mark, Part, Section, all_met, compose
from tests.bench.processes import pss_mb, tree_cpu_s
from tests.bench.report import Run, marks, section


def step(system: str, rate: int, *, failed: int = 0, p99: float = 4.0, cpu: float = 0.6) -> Step:
    return Step(system, rate, 600, failed, 0, (1.0,) * 590 + (p99,) * 10, cpu)


def run(*steps: Step, absent: dict[str, str] | None = None) -> Run:
    systems = {s.system: "1" for s in steps}
    peers = ("Kamailio", "sippy")
    totals = (Total("Callisto", 2000, 5.0),)
    return Run(steps, totals, "Callisto", "Kamailio", "sippy", peers, systems, absent or {}, ("2 cores",))


def text(run: Run) -> str:
    return section(run).text


def met(run: Run) -> dict[str, bool | None]:
    """The marks at 100 calls a second, in short, and that of the highest rate."""
    found = marks(run)
    names = ("setup", "cpu", "kamailio", "sippy")
    assert all("100 calls" in mark.text for mark in found[:4])
    return {**dict(zip(names, (mark.met for mark in found), strict=False)), "clean": found[-1].met}


def test_a_percentile_is_the_nearest_rank() -> None:
    hundred = [float(n) for n in range(1, 101)]
    assert (percentile(hundred, 0.5), percentile(hundred, 0.99), percentile(hundred, 1)) == (50, 99, 100)
    assert percentile([7.0], 0.5) == 7
    assert percentile([], 0.5) is None


def test_the_clean_rate_ends_at_the_first_failure() -> None:
    steps = [step("a", 50), step("a", 100), step("a", 200, failed=1), step("a", 300)]
    assert highest_clean_rate(steps, "a") == 100
    assert highest_clean_rate([step("a", 50, failed=1)], "a") is None


TRACE = (
    "d\tt\t100.000000\tS\tone\tCSeq:1 INVITE\tINVITE sip:7@host SIP/2.0",
    "d\tt\t100.001000\tS\ttwo\tCSeq:1 INVITE\tINVITE sip:7@host SIP/2.0",
    "d\tt\t100.001500\tR\tone\tCSeq:1 INVITE\tSIP/2.0 100 Trying",
    "d\tt\t100.500000\tS\tone\tCSeq:1 INVITE\tINVITE sip:7@host SIP/2.0",
    "d\tt\t100.502000\tR\tone\tCSeq:1 INVITE\tSIP/2.0 180 Ringing",
    "d\tt\t100.600000\tR\ttwo\tCSeq:1 INVITE\tSIP/2.0 503 Service Unavailable",
    "d\tt\t100.900000\tR\tone\tCSeq:1 INVITE\tSIP/2.0 180 Ringing",
    "d\tt\t101.000000\tR\tone\tCSeq:1 INVITE\tSIP/2.0 200 OK",
    "d\tt\t102.000000\tS\tone\tCSeq:2 BYE\tBYE sip:7@host SIP/2.0",
    "d\tt\t102.001000\tR\tone\tCSeq:2 BYE\tSIP/2.0 200 OK",
    "cut off",
)


def test_setup_is_from_the_first_invite_to_the_first_180_of_the_same_call() -> None:
    one, two = read_fates(TRACE)
    assert one.rang is not None
    assert round(one.rang - one.sent, 6) == 0.502
    assert two.rang is None


def test_a_call_has_succeeded_when_its_bye_is_answered_and_was_refused_with_503() -> None:
    one, two = read_fates(TRACE)
    assert one.succeeded
    assert one.refused_ms is None
    assert not two.succeeded
    assert two.refused_ms is not None
    assert round(two.refused_ms) == 599
    unfinished, _ = read_fates(TRACE[:-2])
    assert not unfinished.succeeded


def test_lost_packets_are_found_across_the_wrap_of_the_counter_and_in_any_order() -> None:
    def came(*sequence: int) -> list[Packet]:
        return [Packet(number, 0.02 * place) for place, number in enumerate(sequence)]

    assert missing(came(65534, 65535, 0, 1)) == 0
    assert missing(came(65534, 0, 1, 4)) == 3
    assert missing(came(7, 9, 8, 10)) == 0
    assert missing([]) == 0
    assert [round(gap) for gap in gaps_ms(came(1, 2, 3))] == [20, 20]


def test_it_is_normal_again_after_the_last_call_that_came_to_nothing() -> None:
    def fate(sent: float, status: int) -> Fate:
        return Fate(sent, None, sent, status, sent + 1)

    overload = [fate(10, 200), fate(20, 503)]
    assert normal_after(overload, [fate(19, 503), fate(21.5, 503), fate(22, 200)]) == 1.5
    assert normal_after(overload, [fate(21, 200)]) == 0
    assert normal_after(overload, []) is None


def test_the_marks_are_judged_by_the_steps_at_100_and_300_calls_a_second() -> None:
    good = run(step("Callisto", 100), step("Kamailio", 100, cpu=0.3), step("sippy", 100, cpu=3.0))
    assert met(good) == {"setup": True, "cpu": True, "kamailio": True, "sippy": True, "clean": None}
    slow = step("Callisto", 100, p99=5.1, cpu=1.0)
    bad = run(slow, step("Kamailio", 100, cpu=0.3), step("sippy", 100, cpu=2.0))
    assert met(bad) == {"setup": False, "cpu": False, "kamailio": False, "sippy": False, "clean": None}
    at_300 = marks(run(step("Callisto", 300, p99=7.9), step("sippy", 300, cpu=3.0)))[4:8]
    assert [mark.met for mark in at_300] == [True, True, None, True]


def test_no_call_may_fail_up_to_the_highest_rate() -> None:
    assert marks(run(step("Callisto", 450)))[-1].met is True
    failed = marks(run(step("Callisto", 300), step("Callisto", 450, failed=1)))[-1]
    assert (failed.met, failed.measured) == (False, "none to 300")


def test_the_processor_time_of_all_steps_is_judged_by_their_calls_together() -> None:
    def judged(*steps: Step) -> Mark:
        return next(mark for mark in marks(run(*steps)) if mark.text.startswith("over all steps"))

    many = Step("Callisto", 450, 5400, 0, 0, (1.0,), 5.4)
    one = judged(step("Callisto", 100, cpu=1.2), many, step("Kamailio", 100, cpu=60.0))
    assert (one.measured, one.met) == ("1.10 s", True)
    assert judged(step("Callisto", 100, cpu=9.0), many).met is False
    assert judged(step("Callisto", 100, failed=1), many).met is None


def test_a_missing_peer_is_said_and_not_judged() -> None:
    alone = run(step("Callisto", 100), absent={"sippy": "no network"})
    assert met(alone)["sippy"] is None
    assert "| sippy | not measured: no network |" in text(alone)


def test_a_peer_that_fails_calls_itself_is_not_judged_by_its_cpu_time() -> None:
    assert met(run(step("Callisto", 100), step("sippy", 100, failed=2)))["sippy"] is None


def test_the_ratio_of_cpu_time_is_ours_by_the_peers() -> None:
    ours, kamailio, sippy = (
        step("Callisto", 100),
        step("Kamailio", 100, cpu=0.3),
        step("sippy", 100, failed=2),
    )
    shown = text(run(ours, kamailio, sippy))
    assert "| 100 | Kamailio | 1.00 | 1.00 | 1.00 | 2.00 |" in shown
    assert "| 100 | sippy | 1.00 | 1.00 | 1.00 | – |" in shown


def test_the_whole_run_is_shown_for_each_process_tree() -> None:
    assert "| Callisto | 2000 | 5.0 | 2.50 |" in text(run(step("Callisto", 100)))


def test_a_part_is_written_anew_and_the_others_stay_on_the_page() -> None:
    parts = [Part(name, name.upper(), f"make {name}", "about") for name in ("one", "two", "three")]
    first = compose(
        "", parts, [Section("one", ("old",), (Mark("m", "7", True),)), Section("two", (), (), "2")]
    )
    assert "| m | 7 | yes |" in first
    again = compose(first, parts, [Section("one", ("new",), (Mark("m", "9", False),))])
    assert "| m | 9 | **no** |" in again
    assert "- old" not in again
    assert "<!-- part two -->\n2\n<!-- end -->" in again
    assert "<!-- part three -->\nNot measured yet." in again
    assert compose(again, parts, []) == again


def test_a_mark_that_was_not_measured_is_neither_met_nor_missed() -> None:
    unknown = Section("one", (), (Mark("m", "–", None),))
    assert all_met([unknown])
    assert "| m | – | not measured |" in compose("", [Part("one", "", "", "")], [unknown])
    assert not all_met([Section("one", (), (Mark("m", "9", False),))])


@pytest.mark.timeout(60)
def test_a_short_comparison_loses_no_call(tmp_path: Path) -> None:
    found = rates.measure(needs.sipp(), tmp_path, (), rates=(20,), seconds=2, alone=True, linger=False)
    assert {one.system: one.failed for one in found.steps} == {
        "no system between": 0,
        "Callisto": 0,
        "Callisto, hunting": 0,
    }
    assert all(len(one.setup_ms) == one.calls == 40 for one in found.steps)
    assert all(total.cpu_s > 0 for total in found.totals)


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ((), list(USUAL)),
        (("--memory",), ["memory"]),
        (("--overload", "--memory"), ["overload", "memory"]),
        (("--shell",), ["shell"]),
        (("--image", "--kernel", "generic"), ["image"]),
        (("crowd", "speech"), ["crowd", "speech"]),
    ],
)
def test_parts_are_chosen(given: tuple[str, ...], parts: list[str]) -> None:
    assert options_of(given).parts == parts


def test_the_memory_of_a_process_is_read() -> None:
    assert 5 < pss_mb(os.getpid()) < 5000


def test_cpu_time_counts_the_children_of_a_process() -> None:
    # More than is asked for below: /proc rounds user and system time down to a tick each.
    burn = "import signal, time\nwhile time.process_time() < 0.4: pass\n"
    burn += "print('burnt', flush=True)\nsignal.pause()"
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

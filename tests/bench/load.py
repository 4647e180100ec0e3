"""sipp as the caller and as the phones."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.demo.local import HOST, free_port

SCENARIOS = Path(__file__).parent / "scenarios"
HOLD_S = 1
PATIENCE_S = 10
"""How long after the last call of a step an unfinished call may still end well."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`setup_ms` ascending. A call that did not end by BYE and 200 has failed, one never begun included."""

    calls: int
    failed: int
    retransmissions: int
    setup_ms: tuple[float, ...]


def phone(sipp: str, port: int, scenario: str, folder: Path) -> subprocess.Popen[bytes]:
    """A phone that takes calls until it is terminated."""
    return subprocess.Popen(
        [sipp, "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", HOST, "-p", str(port), "-nostdin"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def place_calls(sipp: str, port: int, number: str, *, rate: int, seconds: int, folder: Path) -> Outcome:
    """`rate` calls a second for `seconds`; ends by itself at the latest PATIENCE_S after the last hold."""
    calls = rate * seconds
    limit = seconds + HOLD_S + PATIENCE_S
    folder.mkdir(parents=True)
    command = [sipp, f"{HOST}:{port}", "-sf", str(SCENARIOS / "caller.xml"), "-s", number]
    command += [
        "-i",
        HOST,
        "-p",
        str(free_port()),
        "-r",
        str(rate),
        "-m",
        str(calls),
        "-l",
        "100000",
        "-nostdin",
    ]
    command += ["-trace_stat", "-fd", "1", "-stf", "counts.csv"]
    command += ["-trace_shortmsg", "-shortmessage_file", "messages.log"]
    caller = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        caller.wait(limit)
    except subprocess.TimeoutExpired:
        pass  # what has not ended by now has failed; sipp wrote its counts a second ago
    finally:
        caller.kill()
        caller.wait()
    with (folder / "counts.csv").open(newline="") as counts:
        last = list(csv.DictReader(counts, delimiter=";"))[-1]
    with (folder / "messages.log").open(errors="replace") as messages:
        setup = setup_ms(messages)
    good = int(last["SuccessfulCall(C)"])
    return Outcome(calls, calls - good, int(last["Retransmissions(C)"]), setup)


def setup_ms(messages: Iterable[str]) -> tuple[float, ...]:
    """INVITE sent to 180 received, of each call that got one, from sipp's short message trace: date, time,
    seconds, S or R, Call-ID, CSeq, first line. The trace has microseconds; sipp's own `-trace_rtt` has whole
    milliseconds."""
    sent: dict[str, float] = {}
    took: dict[str, float] = {}
    for line in messages:
        fields = line.rstrip("\n").split("\t")
        if len(fields) < 7:
            continue
        _, _, at, way, call, _, first = fields[:7]
        if way == "S" and first.startswith("INVITE "):
            sent.setdefault(call, float(at))
        elif way == "R" and first.startswith("SIP/2.0 180") and call in sent:
            took.setdefault(call, (float(at) - sent[call]) * 1000)
    return tuple(sorted(took.values()))

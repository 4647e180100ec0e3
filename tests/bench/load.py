"""sipp as the caller and as the phones."""

from __future__ import annotations

import csv
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.demo.local import HOST, free_port
from tests.bench.figures import Fate

SCENARIOS = Path(__file__).parent / "scenarios"
HOLD_S = 1
PATIENCE_S = 10
"""How long after the last call of a step an unfinished call may still end well."""
LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """`setup_ms` ascending. A call that did not end by BYE and 200 has failed, one never begun included."""

    calls: int
    failed: int
    retransmissions: int
    setup_ms: tuple[float, ...]
    fates: tuple[Fate, ...] = ()


def phone(
    sipp: str, port: int, scenario: str, folder: Path, *options: str, host: str = HOST
) -> subprocess.Popen[bytes]:
    """A phone that takes calls until it is terminated."""
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sipp, "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", host, "-p", str(port), "-nostdin", *options],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def place_calls(
    sipp: str,
    port: int,
    number: str,
    *,
    rate: int,
    calls: int,
    folder: Path,
    hold_s: float = HOLD_S,
    scenario: str = "caller",
    options: Iterable[str] = (),
    files: Mapping[str, bytes] | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Outcome:
    """`calls` calls, `rate` a second; ends by itself at the latest PATIENCE_S after the last hold.
    `files`: what the scenario needs in its folder. `meanwhile` is called about twice a second."""
    end = time.monotonic() + calls / rate + hold_s + PATIENCE_S
    folder.mkdir(parents=True)
    for name, content in (files or {}).items():
        (folder / name).write_bytes(content)
    command = [sipp, f"{HOST}:{port}", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-s", number, "-nostdin"]
    command += ["-i", HOST, "-p", str(free_port()), "-r", str(rate), "-m", str(calls), "-l", "100000"]
    command += ["-d", str(int(hold_s * 1000)), "-trace_stat", "-fd", "1", "-stf", "counts.csv"]
    command += ["-trace_shortmsg", "-shortmessage_file", "messages.log", *options]
    caller = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.monotonic() < end:
            try:
                caller.wait(LOOK_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                meanwhile()
    finally:  # what has not ended by now has failed; sipp wrote its counts a second ago
        caller.kill()
        caller.wait()
    with (folder / "counts.csv").open(newline="") as counts:
        last = list(csv.DictReader(counts, delimiter=";"))[-1]
    with (folder / "messages.log").open(errors="replace") as messages:
        fates = read_fates(messages)
    good = int(last["SuccessfulCall(C)"])
    setup = tuple(sorted((fate.rang - fate.sent) * 1000 for fate in fates if fate.rang is not None))
    return Outcome(calls, calls - good, int(last["Retransmissions(C)"]), setup, fates)


def read_fates(messages: Iterable[str]) -> tuple[Fate, ...]:
    """What became of each call that was begun, in the order of their INVITEs, from sipp's short message
    trace: date, time, seconds, S or R, Call-ID, CSeq, first line. The trace has microseconds; sipp's own
    `-trace_rtt` has whole milliseconds."""
    found: dict[str, Fate] = {}
    for line in messages:
        fields = line.rstrip("\n").split("\t")
        if len(fields) < 7:
            continue
        _, _, at, way, call, cseq, first = fields[:7]
        if way == "S":
            if first.startswith("INVITE ") and call not in found:
                found[call] = Fate(float(at))
        elif call in found and first.startswith("SIP/2.0 "):
            found[call].receive(float(at), int(first[8:11]), cseq.rpartition(" ")[2])
    return tuple(found.values())

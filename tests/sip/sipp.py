"""Run sipp: scenarios from `scenarios/`, each run with an end, free ports and parsed figures."""

from __future__ import annotations

import contextlib
import csv
import math
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests import needs
from tests.sip.engine import free_port

SCENARIOS = Path(__file__).with_name("scenarios")
HOST = "127.0.0.1"
DEFAULTS = {
    "DIALLED": "500",
    "NUMBER": "0441112233",
    "NAME": "Caller",
    "RING_MS": "20",
    "TALK_MS": "200",
    "STATUS": "486",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run came to. `setup_ms`: INVITE to ringing of each call of `caller`, whole ms, sorted."""

    created: int
    successful: int
    failed: int
    retransmissions: int
    setup_ms: tuple[float, ...] = ()

    def percentile(self, share: float) -> float:
        """Of the setup times, in ms; not a number when none was measured."""
        if not self.setup_ms:
            return math.nan
        return self.setup_ms[min(len(self.setup_ms) - 1, int(share * len(self.setup_ms)))]


@dataclass
class Sipp:
    """One process. `wait` for a caller, `figures` at any time, within a second or so of the truth."""

    process: subprocess.Popen[bytes]
    folder: Path
    scenario: str
    port: int
    uri: str = field(init=False)

    def __post_init__(self) -> None:
        self.uri = f"sip:{self.scenario}@{HOST}:{self.port}"

    def wait(self, within: float = 30) -> Figures:
        """The figures when all calls have been made."""
        self.process.wait(within)
        return self.figures()

    def figures(self) -> Figures:
        try:
            with (self.folder / "figures.csv").open(encoding="utf-8") as lines:
                last = list(csv.DictReader(lines, delimiter=";"))[-1]
        except (FileNotFoundError, IndexError):
            return Figures(0, 0, 0, 0)
        return Figures(
            int(last["TotalCallCreated"]),
            int(last["SuccessfulCall(C)"]),
            int(last["FailedCall(C)"]),
            int(last["Retransmissions(C)"]),
            tuple(sorted(self._setup_times())),
        )

    def errors(self) -> str:
        """What sipp complained of."""
        report = self.folder / "errors.log"
        return report.read_text(errors="replace") if report.exists() else ""

    def _setup_times(self) -> Iterator[float]:
        for path in self.folder.glob("*_rtt.csv"):
            with path.open(encoding="utf-8") as lines:
                for row in csv.DictReader(lines, delimiter=";"):
                    if row["rtd_no"] == "1":
                        yield float(row["response_time_ms"])


@contextlib.contextmanager
def sipp(
    scenario: str,
    *,
    to: str = "",
    calls: int = 1,
    rate: float = 10,
    at_once: int = 0,
    within: int = 30,
    transport: str = "u1",
    port: int = 0,
    **values: object,
) -> Iterator[Sipp]:
    """Start sipp on `scenario`; a caller to `to` (host:port), a phone without. Killed by its pid at the end.

    It ends by itself after `calls` calls or `within` seconds; `values` replace the scenario's @NAMES@.
    """
    program = needs.sipp()
    with tempfile.TemporaryDirectory(prefix="sipp-") as name:
        folder = Path(name)
        script = folder / f"{scenario}.xml"
        script.write_text(_filled((SCENARIOS / script.name).read_text(), values))
        command = [
            *(program, "-sf", str(script), "-i", HOST, "-t", transport, "-nostdin"),
            *("-m", str(calls), "-timeout", str(within), "-timeout_error"),
            *("-trace_stat", "-stf", str(folder / "figures.csv"), "-fd", "1"),
            *("-trace_err", "-error_file", str(folder / "errors.log")),
        ]
        if to:
            command += [
                "-r",
                str(rate),
                "-l",
                str(at_once or max(calls, 1)),
                "-trace_rtt",
                "-rtt_freq",
                "1",
                to,
            ]
        process, port = _started(command, folder, port, tcp=transport.startswith("t"))
        try:
            yield Sipp(process, folder, scenario, port)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _started(
    command: list[str], folder: Path, port: int, *, tcp: bool
) -> tuple[subprocess.Popen[bytes], int]:
    """A sipp that has its ports: another program may take a free one first, so it is tried again."""
    for tries_left in reversed(range(5)):
        at = port or free_port()
        process = subprocess.Popen(
            [*command[:1], "-p", str(at), "-cp", str(free_port()), *command[1:]],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _until_bound(process, at, tcp=tcp)
        if port or not tries_left or not _was_taken(process, folder):
            break
    return process, at


def _was_taken(process: subprocess.Popen[bytes], folder: Path) -> bool:
    errors = folder / "errors.log"
    return process.poll() is not None and errors.exists() and "in use" in errors.read_text(errors="replace")


def _filled(script: str, values: dict[str, object]) -> str:
    names = {**DEFAULTS, **{key.upper(): str(value) for key, value in values.items()}}
    for name, value in names.items():
        script = script.replace(f"@{name}@", value)
    return script


def _until_bound(process: subprocess.Popen[bytes], port: int, *, tcp: bool) -> None:
    """Wait until sipp has its port: a phone must not miss its first call."""
    listing = Path("/proc/net/tcp" if tcp else "/proc/net/udp")
    wanted = f":{port:04X} "
    until = time.monotonic() + 10
    while process.poll() is None and wanted not in listing.read_text():
        if time.monotonic() > until:
            raise TimeoutError(f"sipp did not take port {port}")
        os.sched_yield()

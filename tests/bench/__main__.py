"""`python -P -m tests.bench`: what the router takes and gives, part by part, some beside others.

Exit code 0: all marks that could be measured are met; 1: one is missed; 2: nothing could be measured.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from appliance.demo.local import NotReadyError
from appliance.demo.phones import NoSippError, sipp
from firmware.build.recipe import KERNELS
from tests.bench import (
    backup,
    compact,
    crowd,
    decisions,
    flash,
    image,
    memory,
    overload,
    rates,
    report,
    salvage,
    shell,
    speech,
    store,
    trace,
)
from tests.bench.page import Part, Section, all_met, compose, unmeasured
from tests.bench.systems import AbsentError

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PARTS = (
    Part(
        "rates",
        "Calls a second, beside others",
        "make bench",
        "a caller calls a phone through one system after the other: INVITE, 180, 20 ms, 200, ACK, one"
        " second of"
        " holding, BYE, with an SDP of one PCMU stream. Speech goes from phone to phone.",
    ),
    Part(
        "crowd",
        "A thousand calls at once",
        "make bench",
        "from phone to phone, signalling alone; all are up together for some seconds.",
    ),
    Part(
        "speech",
        "Speech through the media server",
        "make bench",
        "the two sides send key presses in different ways, so the speech of each call goes through the"
        " media"
        " server, both ways. The phones say back what they hear.",
    ),
    Part(
        "decisions",
        "A very large office",
        "make bench",
        "10,000 groups of 10 members, 100,000 VIP entries and 10,000 contacts: what a decision takes,"
        " and how"
        " long a call waits for a new routing table.",
    ),
    Part(
        "memory",
        "Memory",
        "make bench ARGS=--memory",
        "ten thousand calls in two halves, every second one with an announcement; each half is measured"
        " when its last"
        " transaction is over. About four minutes.",
    ),
    Part(
        "overload",
        "Overload",
        "make bench ARGS=--overload",
        "step by step to the rate that is carried, then twice of it, then a normal load at once. About"
        " two minutes.",
    ),
    Part(
        "trace",
        "Traces",
        "make bench ARGS=--trace",
        "records come by the means that the router has, into the supervisor and a capture, and from there"
        " through the shell to eight administrators at their Telnet clients, half of whom read nothing; then"
        " whole calls through routers that are traced and that are not. About half a minute.",
    ),
    Part(
        "shell",
        "The Telnet shell",
        "make bench ARGS=--shell",
        "people type at the shell, each in a session of his own, in rich ones and in line ones; then three"
        " hundred wrong logins come at once. About a minute and a half.",
    ),
    Part(
        "compact",
        "A large store is compacted",
        "make bench ARGS=--compact",
        "a store of 400 MB is cleaned of half of its calls and audit trail and written anew, while another"
        " process writes to it a hundred times a second. About two minutes.",
    ),
    Part(
        "store",
        "Writes, with and without the journal",
        "make bench ARGS=--store",
        "the same changes with and without the journal, in turn, on two stores; then four processes that"
        " write to one store all the time. About half a minute.",
    ),
    Part(
        "salvage",
        "A damaged store is repaired",
        "make bench ARGS=--salvage",
        "a store of 50 MB is damaged in each way that disks, programs and people have found, three times, and"
        " salvaged from its pages alone; then repaired with its journal. About ten minutes.",
    ),
    Part(
        "backup",
        "A large backup",
        "make bench ARGS=--backup",
        "a store and media of 200 MB, and a twentieth of it, are backed up with a password by the process"
        " that the supervisor starts for it. About half a minute.",
    ),
    Part(
        "flash",
        "An image is written",
        "make bench ARGS=--flash",
        "the image of `make image` is written to a new file in three ways in turn, three times, each to the"
        " end of its fsync: by `callisto flash`, which reads it back past the page cache, by bmaptool, and by"
        " dd. About a minute.",
    ),
    Part(
        "image",
        "An image is built, started and updated",
        "make bench ARGS=--image",
        "the image of `make image` is built from nothing but the engine, then as the next release, and runs"
        " in a virtual machine without KVM; `ARGS='--image --kernel generic'` takes that of real machines."
        " About fifteen minutes.",
    ),
)
USUAL = ("rates", "crowd", "speech", "decisions")
Measure = Callable[[str, Path, tuple[str, ...]], Section]
MEASURES: dict[str, Measure] = {
    "rates": lambda program, folder, conditions: report.section(rates.measure(program, folder, conditions)),
    "crowd": crowd.measure,
    "speech": speech.measure,
    "decisions": decisions.measure,
    "memory": memory.measure,
    "overload": overload.measure,
    "trace": trace.measure,
    "shell": shell.measure,
    "compact": compact.measure,
    "store": store.measure,
    "salvage": salvage.measure,
    "backup": backup.measure,
    "flash": flash.measure,
    "image": image.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = options_of(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # whatever was started is ended
    try:
        program = sipp()
    except NoSippError as exc:
        print(exc, file=sys.stderr)
        return 2
    conditions = _conditions(program)
    with tempfile.TemporaryDirectory(prefix="callisto-bench-") as folder:
        if options.quick:
            return _quick(program, Path(folder), conditions)
        measures = {**MEASURES, "image": partial(image.measure, kernel=options.kernel)}
        sections = [
            _measured(part, measures[part], program, Path(folder), conditions) for part in options.parts
        ]
    if not any(section.marks for section in sections):
        return 2
    out: Path = options.out
    out.write_text(compose(out.read_text() if out.exists() else "", PARTS, sections))
    print(f"written: {out}")
    return 0 if all_met(sections) else 1


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -P -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--quick", action="store_true", help="one short step of each system; no page")
    for name in (one for one in MEASURES if one not in USUAL):
        parser.add_argument(f"--{name}", dest="more", action="append_const", const=name, help="that part")
    parser.add_argument("--kernel", choices=KERNELS, default=image.USUAL, help="of the part image")
    parser.add_argument("--out", type=Path, default=PAGE, help="where the page goes")
    options = parser.parse_args(arguments)
    options.parts = [*options.parts, *(options.more or ())] or list(USUAL)
    unknown = set(options.parts) - set(MEASURES)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    return options


def _measured(
    part: str, measure: Measure, program: str, folder: Path, conditions: tuple[str, ...]
) -> Section:
    print(f"== {part}", flush=True)
    home = folder / part
    home.mkdir()
    try:
        section = measure(program, home, conditions)
    except (AbsentError, NotReadyError, AssertionError) as exc:
        print(f"{part}: not measured: {exc}", file=sys.stderr)
        return unmeasured(part, {part: str(exc).partition("\n")[0]})
    _say(section)
    return section


def _quick(program: str, folder: Path, conditions: tuple[str, ...]) -> int:
    try:
        run = rates.measure(program, folder, conditions, rates=(100,), seconds=3, linger=False)
    except (AbsentError, NotReadyError) as exc:
        print(exc, file=sys.stderr)
        return 2
    section = report.section(run)
    _say(section)
    return 0 if all_met([section]) else 1


def _say(section: Section) -> None:
    for mark in section.marks:
        print(f"{'?' if mark.met is None else '+' if mark.met else '-'} {mark.text}: {mark.measured}")


def _conditions(program: str) -> tuple[str, ...]:
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stdout
    tool = next((line.strip(" .") for line in said.splitlines() if line.strip()), "sipp")
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores ({_processor()}), Linux"
        f" {platform.release()},"
        f" Python {platform.python_version()}; load before it {os.getloadavg()[0]:.1f}",
        f"callers and phones: {tool}",
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())

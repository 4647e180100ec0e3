"""What an image costs: to build it, to start it, and to give it another application.

`python -P -m tests.bench.image` builds an image from nothing but the engine, builds it again as the next
release, and starts the first one, with an office on it, in a virtual machine without KVM. There it is asked
for its memory, and takes the application of the second one as an update. Its root file system takes the same
update in a container as well, natively.

Exit code 0: every mark that could be measured is met; 1: one is not; 2: nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from firmware.build.recipe import KERNELS, Kernel, Recipe
from firmware.manifest import SUFFIX
from firmware.release import running
from firmware.versions import Version
from tests.bench.page import Mark, Section, all_met, number, table
from tests.bench.systems import AbsentError
from tests.image import stocked
from tests.image.admins import SLOW, login, outcome
from tests.image.container import container
from tests.image.probes import Probes
from tests.image.vm import Machine, machine
from tests.journeys.waiting import eventually

HERE = Path(__file__).parents[2]
USUAL: Kernel = "cloud"
COLD_S, WARM_S = 360.0, 90.0
SLOT_MB: dict[Kernel, float] = {"cloud": 140.0, "generic": 220.0}
BANNER_S = 30.0
MEMORY_MB = 300.0
OUTAGE_S = 2.0
ROUNDS = 3
"""Of the update in a container: there, and back."""
WITHIN = 1800.0
NOT = "not measured"
MISSING = (pytest.skip.Exception, pytest.fail.Exception)
"""What `needs` says of a machine that cannot be had here."""


@dataclass(frozen=True, slots=True)
class Build:
    """`took_s` on the clock; `cpu_s` of all its processes; `load`: before it."""

    took_s: float
    cpu_s: float
    load: float


@dataclass(frozen=True, slots=True)
class Start:
    """From power to the first text on the Telnet port. `cpu_s`: of qemu."""

    took_s: float
    cpu_s: float
    load: float


@dataclass(slots=True)
class Found:
    """One run; None: not measured, `why` has the reason by what was to be done. `outages`: of each service
    of the emulated machine, in seconds; `natively`: of each update in the container."""

    kernel: Kernel
    fast: bool
    cold: Build | None = None
    warm: Build | None = None
    slot_mb: float | None = None
    start: Start | None = None
    memory_mb: float | None = None
    outages: dict[str, float] | None = None
    natively: list[dict[str, float]] = field(default_factory=list)
    load: float = 0.0
    """Before those."""
    why: dict[str, str] = field(default_factory=dict)


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="callisto-image-", dir=options.folder) as folder:
        try:
            section = measure("", Path(folder), (), options.kernel, fast=options.fast)
        except AbsentError as exc:
            print(exc, file=sys.stderr)
            return 2
    for mark in section.marks:
        print(f"{'?' if mark.met is None else '+' if mark.met else '-'} {mark.text}: {mark.measured}")
    print(section.text)
    return 0 if all_met([section]) else 1


def measure(
    _program: str,
    folder: Path,
    conditions: tuple[str, ...],
    kernel: Kernel = USUAL,
    *,
    fast: bool = False,
) -> Section:
    """Raises AbsentError when there is no image in the end."""
    found = Found(kernel, fast)
    first = running().parsed
    output = folder / "image"
    disk = output / f"{Recipe(str(first), kernel, fast, 0).name}.img"
    second = after(first)
    try:
        found.cold = _build(output, found, first)
    except AssertionError as exc:
        raise AbsentError(f"the image was not built: {exc}") from exc
    found.slot_mb = json.loads(disk.with_name(disk.name + SUFFIX).read_text())["slot"]["size"] / 1e6
    update: Path | None = output / Recipe(str(second), kernel, fast, 0).application
    try:
        found.warm = _build(output, found, second)
    except AssertionError as exc:
        found.why["warm build"] = reason(exc)
        update = None
    _use(found, disk, update)
    if update is not None:
        _use_natively(found, _tree(output, first), update)
    return section(found, conditions)


def after(version: Version) -> Version:
    return Version(version.major, version.minor, version.patch + 1)


def reason(exc: BaseException) -> str:
    """In one line."""
    lines = str(exc).strip().splitlines()
    return lines[0][:200] if lines else type(exc).__name__


def _build(output: Path, found: Found, version: Version) -> Build:
    """What is kept of earlier ones lies in `output` too. Raises AssertionError."""
    argv = [sys.executable, "-P", "-m", "firmware.build", "image", "--kernel", found.kernel]
    argv += ["--output", str(output), "--release", str(version), *(["--fast"] if found.fast else [])]
    load, before, began = os.getloadavg()[0], os.times(), time.monotonic()
    done = subprocess.run(
        argv, cwd=HERE, env={**os.environ, "PYTHONPATH": str(HERE)},
        capture_output=True, text=True, timeout=WITHIN, check=False,
    )  # fmt: skip
    took, now = time.monotonic() - began, os.times()
    assert not done.returncode, done.stderr.strip()[-300:] or f"exit code {done.returncode}"
    cpu = now.children_user + now.children_system - before.children_user - before.children_system
    print(f"{version}: built in {took:.0f} s", flush=True)
    return Build(took, cpu, load)


def _use(found: Found, disk: Path, update: Path | None) -> None:
    """Everything for which the machine has to run, in one start of it."""
    doing = "start"
    try:
        with machine(disk, prepare=partial(stocked.stock, updates=(update,) if update else ())) as one:
            load = os.getloadavg()[0]
            found.start = Start(one.until_banner(), one.cpu_s(), load)
            print(f"banner after {found.start.took_s:.0f} s", flush=True)
            doing = "memory"
            one.until_confirmed("A")
            with login(one) as admin:
                found.memory_mb = used_mb(admin.facts("show info"))
            doing = "application update"
            if update is None:
                found.why[doing] = "no other application was built"
            else:
                found.outages = _updated(one, update)
    except (*MISSING, AssertionError, OSError, subprocess.SubprocessError, LookupError) as exc:
        found.why[doing] = reason(exc)


def _use_natively(found: Found, tree: Path, update: Path) -> None:
    found.load = os.getloadavg()[0]
    try:
        with container(tree, partial(stocked.fill, updates=(update,))) as one:
            for _ in range(ROUNDS):
                found.natively.append(one.asked("install", update.name)["outages"])
                one.asked("back")
    except (*MISSING, AssertionError, OSError, subprocess.SubprocessError, LookupError) as exc:
        found.why["application update, natively"] = reason(exc)


def _tree(output: Path, version: Version) -> Path:
    """The root file system of that release."""
    for one in (output / "cache").glob("root-*/tree"):
        if f"\nIMAGE_VERSION={version}\n" in (one / "usr/lib/os-release").read_text():
            return one
    raise LookupError(f"the root file system of {version} is not kept")


def used_mb(facts: Any) -> float:
    """MemTotal without MemAvailable, as System Information has them. Right after the banner the half of the
    services has not started yet."""
    host = facts["host"]
    return float(host["memory_mb"] - host["memory_free_mb"])


def _updated(one: Machine, update: Path) -> dict[str, float]:
    version = update.name.removeprefix("callisto-").removesuffix(".app.raucb")
    with Probes(one) as probes:
        eventually(lambda: probes.all_answered_since(0), within_s=SLOW)
        with login(one) as admin:
            admin.type(f"update install {update.name} force")
            outcome(one, version, "confirmed")
        asked = time.monotonic()
        eventually(lambda: probes.all_answered_since(asked), within_s=SLOW)
    return probes.outages()


def section(found: Found, conditions: tuple[str, ...]) -> Section:
    return Section("image", conditions, tuple(marks(found)), _text(found))


def marks(found: Found) -> Iterator[Mark]:
    """Those of a slot are for images as they are delivered."""
    for name, build, limit in (("cold", found.cold, COLD_S), ("warm", found.warm, WARM_S)):
        text = f"{name} build within {limit:g} s" + (", the engine cached" if name == "cold" else "")
        said = f"{build.took_s:.0f} s (CPU {build.cpu_s:.0f} s, load {build.load:.1f})" if build else NOT
        yield Mark(text, said, build.took_s <= limit if build else None)
    for kernel, most in SLOT_MB.items():
        here = found.slot_mb if found.kernel == kernel else None
        met = None if here is None or (found.fast and here > most) else here <= most
        packed = ", packed fast" if found.fast else ""
        said = NOT if here is None else f"{here:.0f} MB{packed}"
        yield Mark(f"slot of at most {most:g} MB, {kernel}", said, met)
    text = f"Telnet banner within {BANNER_S:g} s of power, emulated"
    if found.start:
        one = found.start
        said = f"{one.took_s:.0f} s (CPU {one.cpu_s:.0f} s, load {one.load:.1f})"
        yield Mark(text, said, one.took_s <= BANNER_S)
    else:
        yield Mark(text, NOT, None)
    memory = found.memory_mb
    said = NOT if memory is None else f"{memory:.0f} MB"
    met = None if memory is None else memory <= MEMORY_MB
    yield Mark(f"at most {MEMORY_MB:g} MB of memory in use after the start", said, met)
    longest = statistics.median(max(each.values()) for each in found.natively) if found.natively else None
    rounds = f"the median of {len(found.natively)}, load {found.load:.1f}"
    said = NOT if longest is None else f"{longest:.1f} s ({rounds})"
    text = f"an application update is not served for at most {OUTAGE_S:g} s, natively"
    yield Mark(text, said, None if longest is None else longest <= OUTAGE_S)


def _text(found: Found) -> str:
    builds = [
        (name, number(build.took_s if build else None, 0), number(build.cpu_s if build else None, 0))
        for name, build in (("from nothing but the engine", found.cold), ("the next release", found.warm))
    ]
    text = (
        f"Kernel {found.kernel}, packed {'fast' if found.fast else 'as it is delivered'}. The"
        " warm build is that of the next release: program, root, slot and disk are made again. The machine is"
        " qemu with two processors and without KVM (TCG); it has an office on its data partition, and was"
        " never started before. Memory, when every service answers: MemTotal without MemAvailable, as System"
        " Information tells it over Telnet.\n\n" + table(("build", "s", "CPU s"), builds)
    )
    if found.outages or found.natively:
        text += f"\n\n{_NATIVELY}\n\n{_outages(found)}"
    for what, why in found.why.items():
        text += f"\n\n{what}: {NOT}: {why}"
    return text


_NATIVELY = (
    "Natively: the same root file system under its own systemd in a container of this machine, the bundle"
    " mounted through a loop device instead of dm-verity. Longest time without an answer, seconds:"
)


def _outages(found: Found) -> str:
    rows = []
    for name in ("sip", "telnet", "web"):
        each = ", ".join(f"{one[name]:.1f}" for one in found.natively) or "–"
        rows.append((name, each, f"{found.outages[name]:.1f}" if found.outages else "–"))
    return table(("application update", "natively, each time", "in the emulated machine"), rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kernel", choices=KERNELS, default=USUAL)
    parser.add_argument("--fast", action="store_true", help="pack in seconds, larger")
    parser.add_argument("--folder", type=Path, help="where it is built, 4 GB; the temporary folder")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

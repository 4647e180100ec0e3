"""How fast a backup is made and proven, and how much memory it takes: for a small one and a large one.

`python -P -m tests.bench.backup` fills a store and media, and lets the process of its own that the supervisor
starts make backups with a password. The time is from the start of that process to its end, proof included.

Exit code 0: the marks are met; 1: one is missed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.config import Config
from appliance.marks import BACKUP as MARK
from tests.bench.page import Mark, Section, all_met
from tests.db import big_store

CALLS = 150_000
MEDIA_MB = 100
SMALL = 20
"""The small one is of that part."""
FAST = 20.0
MOST_MB = 64.0


@dataclass(frozen=True, slots=True)
class Run:
    """`contents`, `file`: bytes; `memory`: MB, the most that the process has had."""

    contents: int
    file: int
    took_s: float
    memory: float

    @property
    def speed(self) -> float:
        return self.contents / 1e6 / self.took_s


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="callisto-backup-") as folder:
        section = measure("", Path(folder), ())
    for mark in section.marks:
        print(f"{'+' if mark.met else '-'} {mark.text}: {mark.measured}")
    print(section.text)
    return 0 if all_met([section]) else 1


def measure(
    _program: str, folder: Path, conditions: tuple[str, ...], calls: int = CALLS, media_mb: int = MEDIA_MB
) -> Section:
    small = made(folder / "small", calls // SMALL, media_mb // SMALL)
    large = made(folder / "large", calls, media_mb)
    marks = (
        Mark(
            f"a backup with a password is made and proven at {FAST:g} MB/s or more",
            f"{large.speed:.0f} MB/s, {large.contents / 1e6:.0f} MB",
            large.speed >= FAST,
        ),
        Mark(
            f"it takes less than {MOST_MB:g} MB of memory, whatever its size",
            f"{large.memory:.1f} MB, and {small.memory:.1f} MB for {small.contents / 1e6:.0f} MB",
            max(small.memory, large.memory) < MOST_MB,
        ),
    )
    text = (
        f"{large.contents / 1e6:.0f} MB of store and media became {large.file / 1e6:.0f} MB in"
        f" {large.took_s:.1f} s: snapshot, archive, reading back with every hash compared, and a restore on"
        " trial."
    )
    return Section("backup", conditions, marks, text)


def made(folder: Path, calls: int, media_mb: int) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    big_store.make(folder / "callisto.db", calls)
    (folder / "media").mkdir()
    dice = random.Random(media_mb)
    for _ in range(2 * media_mb):
        sound = b"RIFF" + dice.randbytes(500_000)
        (folder / "media" / hashlib.sha256(sound).hexdigest()).write_bytes(sound)
    config = Config.load({"CALLISTO_CONFIG": "", "CALLISTO_STATE": str(folder)}, folder)
    config.backups.mkdir()
    job = {
        "file": str(config.backups / "bench.zip"),
        "config": "",
        "password": "a long sentence",
        "who": "bench",
    }
    began = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-P", "-c", _ARCHIVIST],
        env={**os.environ, **config.environment()}, input=json.dumps(job),
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    took = time.monotonic() - began
    *told, last = process.stdout.splitlines()
    found: dict[str, Any] = json.loads(told[-1].removeprefix(MARK))
    assert "made" in found, found
    return Run(found["made"]["contents_bytes"], found["made"]["bytes"], took, int(last) * 1024 / 1e6)


_ARCHIVIST = """
import sys
sys.argv = ["callisto", "archivist"]
from appliance.__main__ import main
main()
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
"""As the supervisor starts it. Its own peak: what wait4 tells has that of whoever started it, too."""


if __name__ == "__main__":
    sys.exit(main())

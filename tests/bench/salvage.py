"""How much of a large store comes back after each kind of damage, and how soon.

`python -P -m tests.bench.salvage` makes a store of some 50 MB, damages copies of it and salvages them. It
prints how many rows came back exactly, wrong and doubtful, how many of the lost ones are named, and the time;
beside it what `sqlite3 .recover` does, where a sqlite3 program has it (--shell names one). Options choose.

Exit code 0: every mark is met; 1: one is not.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pysqlite3

from db.salvage import rebuild, salvage
from db.salvage.shapes import Row
from tests.db import big_store, corrupt

CALLS = 70_000
SECONDS_FOR_50_MB = 10.0
SHELL_WITHIN = 120.0
LEAST = {
    "header zeroed": 100.0,
    "page 1 random": 100.0,
    "schema zeroed": 100.0,
    "roots random": 100.0,
    "half of the interior pages": 100.0,
    "64 random pages": 99.3,
}
"""Percent of the rows that must come back exactly."""
MAY_BE_WRONG = frozenset({"200 bit flips"})
"""A flipped bit inside a value looks like any other value."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Percent of all rows; `seconds` without the comparison, `cpu` of them by our own processor time."""

    exact: float
    wrong: int
    doubtful: int
    named: int
    seconds: float
    cpu: float = 0.0

    def shown(self) -> str:
        return (
            f"{self.exact:9.4f} % {self.wrong:6} wrong {self.doubtful:6} doubtful {self.named:6} named"
            f" {self.seconds:6.1f} s ({self.cpu:.1f} s of processor)"
        )


def main() -> int:
    options = _options()
    shell = options.shell or shutil.which("sqlite3") or ""
    with tempfile.TemporaryDirectory(prefix="callisto-salvage-") as folder:
        sound, foreign = Path(folder, "sound.db"), Path(folder, "foreign.db")
        big_store.make(sound, options.calls)
        big_store.make(foreign, max(100, options.calls // 20), seed=2)
        truth = big_store.truth(sound)
        shell = shell if can_recover(shell, sound) else ""
        rows = sum(map(len, truth.values()))
        size = sound.stat().st_size
        print(f"{size / 1e6:.1f} MB, {size // corrupt.SIZE} pages, {rows} rows")
        print(f"beside it: {shell} .recover" if shell else "no sqlite3 program that can .recover was found")
        missed = []
        for name, damage in _wanted(options.only):
            for seed in options.seeds:
                bad = corrupt.damaged(sound, Path(folder, "bad.db"), damage, seed, foreign)
                outcome = ours(bad, truth)
                print(f"{name:36} {seed:3} {outcome.shown()}", flush=True)
                missed += [f"{name}, seed {seed}: {miss}" for miss in misses(name, outcome, size)]
                if shell:
                    print(f"{'    .recover':40} {theirs(shell, bad, truth).shown()}", flush=True)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"highest memory: {memory:.0f} MB (the truth is in it)")
        if options.rebuild:
            print(_rebuilt(sound, Path(folder, "new.db")))
    print("\n".join(missed) or "every mark is met")
    return 1 if missed else 0


def ours(path: Path, truth: dict[str, set[Row]]) -> Outcome:
    began, busy = time.monotonic(), time.process_time()
    with salvage(path, None, big_store.SCHEMA) as salvaged:
        found = {table: list(salvaged.rows(table)) for table in salvaged.tables}
        seconds, busy = time.monotonic() - began, time.process_time() - busy
        doubtful = sum(table.doubtful for table in salvaged.report.tables)
        named = sum(table.lost for table in salvaged.report.tables)
    return replace(compared(found, truth, doubtful, named, seconds), cpu=busy)


def theirs(shell: str, path: Path, truth: dict[str, set[Row]]) -> Outcome:
    """What `.recover` makes, loaded into a store and read back. Nothing at all where it ends in an error."""
    began = time.monotonic()
    into = path.with_name("recovered.db")
    into.unlink(missing_ok=True)
    try:
        made = subprocess.run(
            [shell, str(path), ".recover"], capture_output=True, timeout=SHELL_WITHIN, check=False
        )
        subprocess.run(
            [shell, str(into)], input=made.stdout, capture_output=True, timeout=SHELL_WITHIN, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(0.0, 0, 0, 0, time.monotonic() - began)
    seconds = time.monotonic() - began
    return compared({name: list(_rows(into, name)) for name in truth}, truth, 0, 0, seconds)


def _rows(path: Path, table: str) -> Iterator[Row]:
    try:
        yield from big_store.rows(path, table)
    except pysqlite3.Error:
        return


def compared(
    found: dict[str, list[Row]], truth: dict[str, set[Row]], doubtful: int, named: int, seconds: float
) -> Outcome:
    exact = wrong = 0
    for table, rows in found.items():
        unique = set(rows)
        exact += len(unique & truth[table])
        wrong += len(rows) - len(unique & truth[table])
    return Outcome(100 * exact / sum(map(len, truth.values())), wrong, doubtful, named, seconds)


def misses(name: str, outcome: Outcome, size: int) -> Iterator[str]:
    if outcome.exact < LEAST.get(name, 0.0):
        yield f"{outcome.exact:.4f} % instead of {LEAST[name]} %"
    if outcome.wrong and name not in MAY_BE_WRONG:
        yield f"{outcome.wrong} wrong rows"
    if outcome.seconds > SECONDS_FOR_50_MB * size / 50e6:
        yield f"{outcome.seconds:.1f} s"


def can_recover(shell: str, path: Path) -> bool:
    """Debian's lists .recover and cannot do it: only a run shows it."""
    if not shell:
        return False
    try:
        run = subprocess.run(
            [shell, str(path), ".recover"], capture_output=True, timeout=SHELL_WITHIN, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0 and b"CREATE TABLE" in run.stdout and b"SQL logic error" not in run.stderr


def _rebuilt(path: Path, into: Path) -> str:
    with salvage(path, None, big_store.SCHEMA) as salvaged:
        began = time.monotonic()
        made = rebuild(salvaged, into)
        return f"rebuilt and checked: {sum(made.rows.values())} rows in {time.monotonic() - began:.1f} s"


def _wanted(only: list[str]) -> Iterator[tuple[str, Callable[[corrupt.Patient], None]]]:
    for name, damage in corrupt.DAMAGES.items():
        if not only or any(each in name for each in only):
            yield name, damage


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("only", nargs="*", help="parts of the names of damages; all of them unless given")
    parser.add_argument("--calls", type=int, default=CALLS, help="rows of calls in the store")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--shell", default="", help="a sqlite3 program; the first in PATH unless given")
    parser.add_argument("--rebuild", action="store_true", help="build a new store of the sound one, too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

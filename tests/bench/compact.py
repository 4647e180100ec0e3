"""How long a writer waits while a large store is compacted, as he himself measures it.

`python -P -m tests.bench.compact` makes a store of some 400 MB, deletes the older half of its call records
and audit trail and writes it anew, while another process writes to it all the time, a hundred times a second.

Exit code 0: nobody waited for longer than the mark; 1: somebody did.
"""

from __future__ import annotations

import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from db.compacted import Compacted, Keep
from db.store import Store
from db.variables.states import Actor
from tests.bench.page import Mark, Section, all_met
from tests.db import big_store

T = TypeVar("T")

CALLS = 550_000
MOST_S_FOR_400_MB = 1.0
FIRST = datetime(2024, 1, 1, 7, tzinfo=UTC)
WRITER = "the writer"
USUAL_FOR_S = 2.0
"""How long the other process is watched while nothing else is done to the store."""


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="callisto-compact-") as folder:
        section = measure("", Path(folder), ())
    for mark in section.marks:
        print(f"{'+' if mark.met else '-'} {mark.text}: {mark.measured}")
    print(section.text)
    return 0 if all_met([section]) else 1


def measure(_program: str, folder: Path, conditions: tuple[str, ...], calls: int = CALLS) -> Section:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "callisto.db"
    big_store.make(path, calls)
    with Store.open(f"sqlite:///{path}", journal=folder / "journal") as store:
        store.audit.note(Actor("bench", "", "system"), WRITER)  # the journal begins
    usual, _ = _watched(path, lambda _: time.sleep(USUAL_FOR_S))
    waited, done = _watched(path, lambda store: store.compact(_younger_half(calls)))
    return _section(conditions, usual, waited, done)


def _younger_half(calls: int) -> Keep:
    middle = FIRST + timedelta(minutes=calls // 2)
    days = (datetime.now(UTC) - middle).days
    return Keep(calls=days, audit=days)


def _watched(path: Path, work: Callable[[Store], T]) -> tuple[float, T]:
    """The longest that a write of the other process took meanwhile, in seconds, and what `work` returned."""
    writer = subprocess.Popen(
        [sys.executable, "-P", "-c", "from tests.bench.compact import write; write()", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writes\n"
        with Store.open(f"sqlite:///{path}", journal=path.with_name("journal")) as store:
            result = work(store)
        said, _ = writer.communicate("", timeout=60)
    finally:
        writer.kill()
        writer.wait()
    return float(said), result


def write() -> None:
    """In the other process: until its input ends, then the longest that one write took."""
    longest = 0.0
    path = Path(sys.argv[1])
    with Store.open(f"sqlite:///{path}", journal=path.with_name("journal")) as store:
        store.audit.note(Actor("bench", "", "system"), WRITER)
        print("writes", flush=True)
        while not select.select([sys.stdin], [], [], 0.01)[0]:
            began = time.monotonic()
            store.audit.note(Actor("bench", "", "system"), WRITER)
            longest = max(longest, time.monotonic() - began)
    print(longest)


def _section(conditions: tuple[str, ...], usual: float, waited: float, done: Compacted) -> Section:
    most = MOST_S_FOR_400_MB * max(1.0, done.before / 400e6)
    rows = sum(each.rows for each in done.cleaned)
    return Section(
        "compact",
        conditions,
        (
            Mark(
                f"no writer waits longer than {MOST_S_FOR_400_MB:g} s for each 400 MB",
                f"{waited:.2f} s, {done.before / 1e6:.0f} MB",
                waited <= most,
            ),
        ),
        f"From {done.before / 1e6:.0f} MB to {done.after / 1e6:.0f} MB in {done.took_s:.1f} s;"
        f" {rows:,} rows were deleted."
        f" The store itself tells of {done.waited_s:.2f} s that its lock was waited for."
        f" The longest write without it: {usual:.3f} s.",
    )


if __name__ == "__main__":
    sys.exit(main())

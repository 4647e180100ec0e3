"""What the journal costs a writer, and how long four writers wait for one another.

`python -P -m tests.bench.store`: the same transactions with and without the journal, in turn, on two stores
of one folder; then four processes that write to one store all the time, with and without.

Exit code 0: the marks are met; 1: one is missed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert

from db import tables
from db.engine import Database, parse_url
from db.store import Store, prepare
from db.variables.states import Actor
from tests.bench.page import Mark, Section, all_met, table

SMALL, BATCHES, ROWS, TURN = 1000, 30, 500, 50
"""Transactions of one row, of `ROWS` rows; so many of one kind before it is the other's turn."""
WRITERS, SECONDS = 4, 6.0
MOST_MS = 0.5
MOST_P99_MS = 20.0
BENCH = Actor("bench", "127.0.0.1", "system")


@dataclass(frozen=True, slots=True)
class Times:
    """Of single writes, in milliseconds."""

    ms: Sequence[float]

    @property
    def p50(self) -> float:
        return statistics.median(self.ms)

    @property
    def p99(self) -> float:
        return sorted(self.ms)[min(len(self.ms) - 1, int(len(self.ms) * 0.99))]

    def row(self, name: str) -> tuple[str, ...]:
        figures = (f"{each:.2f} ms" for each in (self.p50, self.p99, max(self.ms)))
        return (name, f"{len(self.ms):,}", *figures)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="callisto-store-") as folder:
        section = measure("", Path(folder), ())
    for mark in section.marks:
        print(f"{'+' if mark.met else '-'} {mark.text}: {mark.measured}")
    print(section.text)
    return 0 if all_met([section]) else 1


def measure(
    _program: str,
    folder: Path,
    conditions: tuple[str, ...],
    small: int = SMALL,
    batches: int = BATCHES,
    seconds: float = SECONDS,
) -> Section:
    folder.mkdir(parents=True, exist_ok=True)
    without, with_it = _in_turn(folder, small, 1)
    many_without, many_with = _in_turn(folder, batches, ROWS)
    alone = _at_once(folder / "four", seconds, journal=False)
    four = _at_once(folder / "four-journal", seconds, journal=True)
    more = with_it.p50 - without.p50
    return Section(
        "store",
        conditions,
        (
            Mark(
                f"the journal costs a change at most {MOST_MS:g} ms (p50)", f"{more:.2f} ms", more <= MOST_MS
            ),
            Mark(
                f"{WRITERS} processes that write all the time wait less than {MOST_P99_MS:g} ms (p99)",
                f"{four.p99:.1f} ms, longest {max(four.ms):.0f} ms",
                four.p99 < MOST_P99_MS,
            ),
        ),
        "\n".join(
            [
                table(
                    ("write", "number", "p50", "p99", "longest"),
                    (
                        without.row("a row, without the journal"),
                        with_it.row("a row"),
                        many_without.row(f"{ROWS} rows, without the journal"),
                        many_with.row(f"{ROWS} rows"),
                        alone.row(f"a row, {WRITERS} processes at once, without the journal"),
                        four.row(f"a row, {WRITERS} processes at once"),
                    ),
                ),
                "",
                f"With the journal {with_it.p50 / without.p50:.2f} times as long for a row,"
                f" {many_with.p50 / many_without.p50:.2f} times for {ROWS} rows.",
            ]
        ),
    )


def _in_turn(folder: Path, number: int, rows: int) -> tuple[Times, Times]:
    """Without and with the journal: whatever else the machine does meanwhile, it does to both."""
    home = folder / f"rows{rows}"
    home.mkdir()
    with ExitStack() as open_:
        stores = []
        for name, journal in (("without", None), ("with", home / "journal")):
            url = f"sqlite:///{home / name}.db"
            prepare(url)
            database = open_.enter_context(closing(Database(parse_url(url), journal=journal)))
            _write(database, 1)  # the connection is made
            stores.append((database, list[float]()))
        while len(stores[1][1]) < number:
            for database, times in stores:
                times.extend(_write(database, rows) for _ in range(min(TURN, number)))
    return Times(stores[0][1]), Times(stores[1][1])


def _write(database: Database, rows: int) -> float:
    noted = [
        {"at": datetime.now(UTC), "user": BENCH.user, "address": BENCH.address, "channel": BENCH.channel,
         "action": "bench", "detail": f"{number} of {rows}: as long as such a line is"}
        for number in range(rows)
    ]  # fmt: skip
    began = time.perf_counter()
    database.record(lambda connection: connection.execute(insert(tables.audit), noted))
    return (time.perf_counter() - began) * 1000


def _at_once(folder: Path, seconds: float, *, journal: bool) -> Times:
    folder.mkdir()
    url = f"sqlite:///{folder}/callisto.db"
    prepare(url)
    program = "from tests.bench.store import write_all_the_time; write_all_the_time()"
    told = [url, str(folder / "journal") if journal else "", str(seconds)]
    argv = [sys.executable, "-P", "-c", program, *told]
    with ExitStack() as running:
        writers = [
            running.enter_context(
                subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(WRITERS)
        ]
        for each in writers:
            running.callback(each.kill)
        for each in writers:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for each in writers:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        times = [json.loads(each.communicate(timeout=seconds + 60)[0]) for each in writers]
    return Times([each for one in times for each in one])


def write_all_the_time() -> None:
    """In a process of its own: what each write took, from the word to the end."""
    url, journal, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    times = []
    with Store.open(url, journal=Path(journal) if journal else None) as store:
        store.audit.note(BENCH, "bench", "first")
        print("ready", flush=True)
        sys.stdin.readline()
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            store.audit.note(BENCH, "bench", "as long as such a line is")
            times.append((time.perf_counter() - began) * 1000)
    json.dump(times, sys.stdout)


if __name__ == "__main__":
    sys.exit(main())

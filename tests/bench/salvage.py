"""How much of a large store comes back after each kind of damage, and how soon.

`python -P -m tests.bench.salvage` makes a store of some 50 MB, damages copies of it and salvages them; once
with each kind it repairs one with its journal, too. Beside it what `sqlite3 .recover` does, where a sqlite3
program has it (--shell names one). Options choose.

Exit code 0: every mark is met; 1: one is not.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.page import Mark, Section, all_met
from tests.bench.ward import Outcome, Ward, can_recover, damages

CALLS = 70_000
SEEDS = (1, 2, 3)
SECONDS_FOR_50_MB = 10.0
WHOLE = ("page 1 random", "schema zeroed", "header zeroed", "roots random", "half of the interior pages")
MANY = "64 random pages"
AT_LEAST = 99.3
MAY_BE_WRONG = ("200 bit flips", "log deleted", "8 flipped bits in the log")
"""A flipped bit inside a value looks like any other value; what was only in the log is not in the pages."""


@dataclass(slots=True)
class Kind:
    """One kind of damage: an outcome for each seed, that of the whole repair with the journal, and those of
    `.recover`."""

    name: str
    ours: list[Outcome] = field(default_factory=list)
    journal: Outcome | None = None
    theirs: list[Outcome] = field(default_factory=list)


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="callisto-salvage-") as folder:
        section = measure("", Path(folder), (), options.calls, options.seeds, options.shell, options.only)
    for mark in section.marks:
        print(f"{'?' if mark.met is None else '+' if mark.met else '-'} {mark.text}: {mark.measured}")
    print(section.text)
    return 0 if all_met([section]) else 1


def measure(  # noqa: PLR0917
    _program: str, folder: Path, conditions: tuple[str, ...], calls: int = CALLS,
    seeds: Sequence[int] = SEEDS, shell: str = "", only: Sequence[str] = (),
) -> Section:  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    ward = Ward(folder, calls)
    shell = shell or shutil.which("sqlite3") or ""
    shell = shell if can_recover(shell, ward.sound) else ""
    kinds = []
    for name, damage in damages().items():
        if only and not any(each in name for each in only):
            continue
        kind = Kind(name)
        kinds.append(kind)
        for seed in seeds:
            bad, log = damage(ward, seed)
            kind.ours.append(ward.ours(bad, log))
            if seed == seeds[0]:
                kind.journal = ward.with_journal(bad, log)
            if shell:
                kind.theirs.append(ward.theirs(shell, bad))
        print(_line(kind), flush=True)
    return Section("salvage", conditions, tuple(_marks(kinds, ward.size)), _text(kinds, ward, shell))


def _marks(kinds: Sequence[Kind], size: int) -> Iterator[Mark]:
    by_name = {each.name: each for each in kinds}
    whole = [each for name in WHOLE if name in by_name for each in by_name[name].ours]
    if whole:
        least = min(each.exact for each in whole)
        yield Mark(
            "every row with page 1, the schema, the header, the roots, or half of the interior pages gone",
            f"{least:.3f} %", least == 100.0,
        )  # fmt: skip
    if MANY in by_name:
        least = min(each.exact for each in by_name[MANY].ours)
        yield Mark(f"at least {AT_LEAST} % with 64 random pages gone", f"{least:.2f} %", least >= AT_LEAST)
    sure = [each for kind in kinds if kind.name not in MAY_BE_WRONG for each in kind.ours]
    if sure:
        wrong = sum(each.wrong for each in sure)
        yield Mark("no wrong row after damage to pages", f"{wrong}", wrong == 0)
    journal = [each.journal for each in kinds if each.journal]
    if journal:
        missed = sum(each.lost + each.wrong for each in journal)
        yield Mark(
            "with the journal every answered change, whatever was damaged",
            f"{min(each.exact for each in journal):.3f} %", missed == 0,
        )  # fmt: skip
    every = [each for kind in kinds for each in kind.ours] + journal
    slowest = max(every, key=lambda each: each.seconds)
    seconds, cpu = (each * 50e6 / size for each in (slowest.seconds, slowest.cpu))
    yield Mark(
        f"at most {SECONDS_FOR_50_MB:g} s for 50 MB",
        f"{seconds:.1f} s, {cpu:.1f} s of it on a processor", seconds <= SECONDS_FOR_50_MB,
    )  # fmt: skip


def _text(kinds: Sequence[Kind], ward: Ward, shell: str) -> str:
    beside = f"`{shell} .recover`" if shell else "`.recover`"
    lines = [
        f"{ward.size / 1e6:.1f} MB, {ward.rows:,} rows, {len(kinds[0].ours)} seeds; the worst is shown."
        " Processor: the longest that one salvage took of it.",
        "" if shell else "Here was no sqlite3 program that can `.recover`.",
        "| damage | rows back | lost, of these named | wrong | time | processor | repair with the journal"
        f" | {beside} |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(each) for each in kinds),
    ]
    return "\n".join(lines[:1] + ([lines[1]] if lines[1] else []) + ["", *lines[2:]])


def _row(kind: Kind) -> str:
    worst = min(kind.ours, key=lambda each: each.exact)
    journal = f"{kind.journal.exact:.3f} %, {kind.journal.seconds:.1f} s" if kind.journal else "-"
    theirs = min((each.exact for each in kind.theirs), default=None)
    cells = (
        kind.name, f"{worst.exact:.3f} %", f"{worst.lost}, {worst.named}",
        str(max(each.wrong for each in kind.ours)), f"{max(each.seconds for each in kind.ours):.1f} s",
        f"{max(each.cpu for each in kind.ours):.1f} s", journal,
        "-" if theirs is None else f"{theirs:.3f} %",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _line(kind: Kind) -> str:
    return _row(kind).strip("| ")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("only", nargs="*", help="parts of the names of damages; all of them unless given")
    parser.add_argument("--calls", type=int, default=CALLS, help="rows of calls in the store")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--shell", default="", help="a sqlite3 program; the first in PATH unless given")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

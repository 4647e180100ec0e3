"""What is wrong with a store, without changing or stopping anything."""

from __future__ import annotations

import re
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pysqlite3

from db.repair.found import Diagnosis, Rows, Verdict
from db.repair.lacking import lacking
from db.salvage import salvage, schema_of
from db.salvage import wal as log_reader
from db.tables import metadata

MOST = 100
"""Findings that are told."""

_INDEX = re.compile(r"(row \d+ missing from index|wrong # of entries in index|non-unique entry in index)")
_TREE = re.compile(r"Tree (\d+)\b")


def diagnose(path: Path, journal: Path | None = None, *, with_rows: bool = True) -> Diagnosis:
    """Look through the store at `path`, and compare its place with its `journal`, while others may use it.
    `with_rows`: say of a damaged one how much of each table a salvage would keep; rows that are being written
    meanwhile may count as lost. Not in a process that has the store open: closing the file would take away
    its locks (POSIX). Raises OSError."""
    began = time.monotonic()
    if not path.is_file():
        return Diagnosis("missing", (f"there is no file {path}",))
    log = path.with_name(path.name + "-wal")
    size = path.stat().st_size + (log.stat().st_size if log.is_file() else 0)
    frames, bad = _look_at_log(log)
    verdict, findings = _ask_sqlite(path)
    if bad:
        verdict = "damaged"
        findings += (
            f"the log beside it has {len(bad)} damaged pages, the first is number {bad[0]} of {frames}",
        )
    missing = _missing(path, journal) if verdict == "sound" and journal is not None else 0
    if missing:
        verdict = "damaged"
        changes = "a change that was" if missing == 1 else f"{missing} changes that were"
        findings = (f"it lacks {changes} answered; the journal has what it lacks",)
    tables = _rows(path, log) if verdict == "damaged" and with_rows else ()
    return Diagnosis(verdict, findings, frames, bad, tables, size, time.monotonic() - began)


def _look_at_log(log: Path) -> tuple[int, tuple[int, ...]]:
    """What is bad twice: a page that is just being written is whole at the second look."""
    first = log_reader.read(log)
    if not first.bad_frames:
        return first.frames, ()
    second = log_reader.read(log)
    return second.frames, tuple(sorted(set(first.bad_frames) & set(second.bad_frames)))


def _ask_sqlite(path: Path) -> tuple[Verdict, tuple[str, ...]]:
    try:
        with closing(pysqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)) as raw:
            said = _said(raw, f"PRAGMA quick_check({MOST})") or _said(raw, f"PRAGMA integrity_check({MOST})")
            if said:
                return ("indexes" if _only_indexes(raw, said) else "damaged"), said
            broken = raw.execute("PRAGMA foreign_key_check").fetchmany(MOST)
            tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except pysqlite3.DatabaseError as exc:
        return "damaged", (f"SQLite cannot use it: {exc}",)
    missing = sorted(set(metadata.tables) - tables) if "revision" not in tables else []
    if missing:
        return "damaged", (f"it has no table {missing[0]}",)
    told = tuple(
        dict.fromkeys(f"rows of {row[0]} refer to rows of {row[2]} that are not there" for row in broken)
    )
    return ("damaged" if told else "sound"), told


def _missing(path: Path, journal: Path) -> int:
    try:
        return lacking(path, journal)
    except (pysqlite3.Error, OSError):  # the journal is looked after by others
        return 0


def _said(raw: Any, question: str) -> tuple[str, ...]:
    rows = [line for row in raw.execute(question) for line in str(row[0]).splitlines()]
    return tuple(each for each in rows if each != "ok" and not each.startswith("***"))


def _only_indexes(raw: Any, said: tuple[str, ...]) -> bool:
    """Every finding is of an index, by its name or by its root page."""
    try:
        roots = {
            str(page) for (page,) in raw.execute("SELECT rootpage FROM sqlite_master WHERE type = 'index'")
        }
    except pysqlite3.DatabaseError:
        return False

    def of_index(text: str) -> bool:
        tree = _TREE.match(text)
        return bool(_INDEX.search(text)) or (tree is not None and tree[1] in roots)

    return all(map(of_index, said))


def _rows(path: Path, log: Path) -> tuple[Rows, ...]:
    with salvage(path, log if log.is_file() else None, schema_of(metadata)) as found:
        return tuple(
            Rows(each.table, each.kept, each.doubtful, each.lost, len(each.ranges))
            for each in found.report.tables
        )

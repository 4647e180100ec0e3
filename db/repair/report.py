"""What came of a repair: a JSON object that is kept, and the same in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from db.repair.files import Files
from db.repair.found import Diagnosis
from db.repair.job import Job

if TYPE_CHECKING:
    # Whoever shows a report needs nothing of what builds a store.
    from db.repair.building import Built
    from db.repair.gaps import Table

FORMAT = 1
_HOW = {
    "indexes": "its indexes were made anew; no row was touched",
    "journal": "it was made anew from snapshot and journal, exactly",
    "salvage": "its rows were saved page by page",
    "server": "its indexes were made anew by the server; no row was touched",
}


def of(job: Job, files: Files, found: Diagnosis, built: Built, ended: datetime) -> dict[str, Any]:
    """Of a repair whose new store has passed all checks."""
    kept = [str(each) for each in (files.kept, files.kept_log) if each.exists()]
    return {
        "format": FORMAT,
        "stamp": job.stamp,
        "who": job.who,
        "began": job.began,
        "ended": ended.isoformat(),
        "store": job.store,
        "kept_as": kept,
        "verdict": found.verdict,
        "findings": list(found.findings),
        "bad_log_pages": len(found.bad_frames),
        "how": built.how,
        "revision": built.revision,
        "whole": all(table.whole for table in built.tables),
        "tables": [_table(table) for table in built.tables],
        "notes": list(built.notes),
    }


def _table(table: Table) -> dict[str, Any]:
    kept = table.rows - table.from_journal - table.from_backup
    counts = {"doubtful": len(table.doubtful), "left_out": len(table.left_out), "cut": len(table.cut)}
    rows = {"named": table.named, "doubtful_rows": table.doubtful, "left_out_rows": table.left_out}
    found = {**asdict(table), "kept": kept, **counts, **rows, "cut_rows": table.cut, "whole": table.whole}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}


def in_a_line(told: Mapping[str, Any]) -> str:
    """`repaired: 1204 rows kept, 3 lost`."""
    tables = _tables(told)
    kept, journal, backup, lost = (
        sum(int(each.get(key, 0)) for each in tables)
        for key in ("kept", "from_journal", "from_backup", "lost")
    )
    others = sum(int(each.get("doubtful", 0)) + int(each.get("left_out", 0)) for each in tables)
    parts = [f"{kept} rows kept"]
    parts += [f"{journal} from the journal"] if journal else []
    parts += [f"{backup} from a backup"] if backup else []
    parts += [f"{lost} lost"] if lost else []
    parts += [f"{others} left out"] if others else []
    stretches = sum(len(each.get("stretches", ())) for each in tables)
    parts += [f"rows lost in {stretches} places that nothing names"] if stretches else []
    if told.get("whole"):
        parts.append("nothing is lost as far as anything can tell")
    return f"repaired: {', '.join(parts)}"


def lines(told: Mapping[str, Any], most: int = 20) -> Iterator[str]:
    """For people; of the rows of a table that are named, the first `most`."""
    yield f"Repair {told.get('stamp')}, begun by {told.get('who')}"
    yield f"  {in_a_line(told)}"
    revision = f"; revision {told['revision']}" if told.get("revision") else ""
    yield f"  {_HOW.get(str(told.get('how')), '')}{revision}"
    for each in told.get("kept_as", ()):
        yield f"  as it was: {each}"
    for each in _findings(told, most):
        yield f"  found: {each}"
    for each in told.get("notes", ()):
        yield f"  {each}"
    yield ""
    yield f"  {'Table':<16}{'kept':>8}{'journal':>9}{'backup':>8}{'doubtful':>10}{'left out':>10}{'lost':>7}"
    for each in _tables(told):
        counts = (each["kept"], each["from_journal"], each["from_backup"])
        rest = f"{each['doubtful']:>10}{each['left_out']:>10}{each['lost']:>7}"
        yield f"  {each['table']:<16}{counts[0]:>8}{counts[1]:>9}{counts[2]:>8}{rest}"
    for each in _tables(told):
        if not each["whole"]:
            yield from _losses(each, most)


def _losses(table: Mapping[str, Any], most: int) -> Iterator[str]:
    name = table["table"]
    for after, up_to in table["stretches"]:
        yield f"  {name}: {_stretch(after, up_to)}"
    kinds = (
        ("lost", "named", table["lost"]),
        ("doubtful, left out", "doubtful_rows", table["doubtful"]),
        ("left out", "left_out_rows", table["left_out"]),
        ("kept without a reference", "cut_rows", table["cut"]),
    )
    for word, key, count in kinds:
        rows: Sequence[Mapping[str, Any]] = table[key]
        for row in rows[:most]:
            yield f"  {name}: {word}: {row_in_words(row)}"
        if count > most:
            yield f"  {name}: {word}: {count - min(most, len(rows))} more"


def _stretch(after: int | None, up_to: int | None) -> str:
    if after is None and up_to is None:
        return "a page of rows is lost; which, nothing says"
    start = "from the first row on" if after is None else f"after row {after}"
    end = "to the last" if up_to is None else f"up to row {up_to}"
    return f"rows {start}, {end}, were on a page that is lost, unless named or found elsewhere"


def row_in_words(row: Mapping[str, Any]) -> str:
    because = f" ({row['because']})" if row.get("because") else ""
    pairs = ((key, value) for key, value in row.items() if key != "because" and value not in (None, ""))
    return ", ".join(f"{key} {str(value)[:60]}" for key, value in pairs) + because


def short(told: Mapping[str, Any], most: int) -> dict[str, Any]:
    """With the first `most` rows of each list only: the file has all."""
    keys = ("named", "doubtful_rows", "left_out_rows", "cut_rows", "stretches")
    tables = [{**each, **{key: list(each.get(key, ()))[:most] for key in keys}} for each in _tables(told)]
    return {**told, "tables": tables, "findings": _findings(told, most)}


def _tables(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = told.get("tables")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _findings(told: Mapping[str, Any], most: int) -> list[str]:
    return [str(each) for each in told.get("findings", ())][:most]

"""A snapshot and the journal's records after it: the store again, exactly.

The target says itself where it is in its journal, so that a replay that was broken off goes on, and one that
is done changes nothing. A record that no later one builds on, though there are later ones, was never
committed: it is left out. The last record of all is taken in, unless told where the store was: it may have
been answered.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pysqlite3

from db.errors import StoreError
from db.journal import files
from db.journal.format import MAGIC, FormatError, Frames, Header, Place, Record, Value, record_of
from db.journal.writer import move, place_of


class BrokenChainError(StoreError):
    """From this snapshot the journal does not lead to the end: something between is missing or damaged. The
    target then has all that comes before."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """`place`: where the target is now. `records`: taken in; `void`: left out, never committed. `torn`: the
    journal ends with a part of a record."""

    place: Place
    records: int
    void: int
    torn: bool


@dataclass(slots=True)
class _Count:
    records: int = 0
    void: int = 0
    torn: bool = False


def replay(snapshot: Path, folder: Path, target: Path, *, upto: Place | None = None) -> Replayed:
    """Make `target` what the store was at `upto`, or at the end of the journal in `folder`.

    A target that is there already is gone on with. Raises BrokenChainError, OSError, pysqlite3.Error.
    """
    if not target.exists():
        _copy(snapshot, target)
    with closing(pysqlite3.connect(str(target), isolation_level=None)) as raw:
        for pragma in ("foreign_keys=OFF", "synchronous=FULL", "trusted_schema=OFF", "secure_delete=ON"):
            raw.execute(f"PRAGMA {pragma}")
        return _go_on(raw, folder, upto)


def chain(folder: Path, place: Place, upto: Place | None = None) -> tuple[Header, ...]:
    """The generations that lead on from `place`, that one first. Raises BrokenChainError."""
    headers = headers_of(folder)
    if place.generation not in headers:
        raise BrokenChainError(f"generation {place.generation} of the journal is missing or damaged")
    ends = [upto.generation] if upto else sorted(headers, reverse=True)
    for end in ends:
        found = back(headers, end, place.generation)
        if found and (upto or not _is_void(folder, headers, found)):
            return tuple(headers[generation] for generation in found)
        if found is None and (upto or _counts(folder, end)):
            raise BrokenChainError(f"generation {end} of the journal does not follow {place.generation}")
    raise BrokenChainError(f"generation {place.generation} of the journal leads nowhere")


def headers_of(folder: Path) -> dict[int, Header]:
    """Of each generation that can be read."""
    headers = {}
    for generation in files.generations(folder):
        with suppress(OSError, FormatError):
            headers[generation] = files.read_header(folder, generation)
    return headers


def back(headers: Mapping[int, Header], end: int, begin: int) -> list[int] | None:
    """The generations from `begin` to `end`; None when that is not where it comes from."""
    found = [end]
    while found[0] != begin:
        header = headers.get(found[0])
        if header is None or header.follows is None or header.follows.generation < begin:
            return None
        found.insert(0, header.follows.generation)
    return found if begin in headers else None


def _copy(snapshot: Path, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    shutil.copyfile(snapshot, part)
    part.replace(target)


def _go_on(raw: Any, folder: Path, upto: Place | None) -> Replayed:
    count = _Count()
    place = place_of(raw)
    raw.execute("BEGIN IMMEDIATE")
    try:
        headers = chain(folder, place, upto)
        for number, header in enumerate(headers):
            follower = headers[number + 1] if number + 1 < len(headers) else None
            place = _one(raw, folder, header, place, follower, upto, count)
            move(raw, place)
    finally:
        raw.execute("COMMIT")
    return Replayed(place, count.records, count.void, count.torn)


def _one(  # noqa: PLR0917
    raw: Any,
    folder: Path,
    header: Header,
    place: Place,
    follower: Header | None,
    upto: Place | None,
    count: _Count,
) -> Place:
    """One generation, from `place` to its end."""
    goal = follower.follows if follower else upto
    with files.path_of(folder, header.generation).open("rb") as file:
        frames, place = _from(file, header, place)
        waiting: tuple[Record, Place] | None = None
        while goal is None or place != goal:
            payload = next(frames, None)
            if payload is None:
                break
            record = record_of(payload)
            here = Place(header.generation, record.seq, frames.crc, frames.end)
            if waiting and record.base < waiting[0].seq:
                waiting, count.void = None, count.void + 1
            if waiting:
                place = _take_in(raw, header, *waiting, count)
            if record.base != place.seq:
                raise BrokenChainError(
                    f"change {record.seq} in generation {header.generation} does not build on {place.seq}"
                )
            waiting = record, here
            if here == goal:
                place = _take_in(raw, header, *waiting, count)
                waiting = None
        if waiting and goal is None:
            place = _take_in(raw, header, *waiting, count)
    if frames.damaged or (goal is not None and place != goal):
        last = waiting[0].seq if waiting else place.seq
        raise BrokenChainError(
            f"generation {header.generation} of the journal is damaged after change {last}"
        )
    count.torn = goal is None and not frames.whole
    return place


def _from(file: Any, header: Header, place: Place) -> tuple[Frames, Place]:
    """The frames after `place`, or after the header in a later generation than it."""
    if place.generation != header.generation:
        file.seek(len(MAGIC))
        frames = Frames(file)
        next(frames)
        return frames, Place(header.generation, header.seq, frames.crc, frames.end)
    file.seek(place.end)
    return Frames(file, place.crc), place


def _take_in(raw: Any, header: Header, record: Record, here: Place, count: _Count) -> Place:
    for op, table, rows in record.changes:
        for row in rows:
            marks, values = bound(row)
            raw.execute(_statement(header, op, table, marks), values)
    move(raw, here)
    count.records += 1
    return here


def _statement(header: Header, op: str, table: str, marks: list[str]) -> str:
    columns, key = header.tables[table], header.keys[table]
    where = " AND ".join(f'"{name}" IS {mark}' for name, mark in zip(key, marks[-len(key) :], strict=True))
    if op == "d":
        return f'DELETE FROM "{table}" WHERE {where}'
    if op == "u":
        values = ", ".join(f'"{name}" = {mark}' for name, mark in zip(columns, marks, strict=False))
        return f'UPDATE "{table}" SET {values} WHERE {where}'
    names = ", ".join(f'"{name}"' for name in columns)
    return f'INSERT INTO "{table}" ({names}) VALUES ({", ".join(marks)})'


def bound(row: Sequence[Value]) -> tuple[list[str], list[Value]]:
    """The marks of a statement for these values, and what is bound to them."""
    marks = ["?" if _is_plain(value) else _AS_TEXT for value in row]
    return marks, [value if _is_plain(value) else _encoded(value) for value in row]


_AS_TEXT = "CAST(? AS TEXT)"


def _is_plain(value: Value) -> bool:
    """Not so: text that is not Unicode, which a driver takes as bytes alone."""
    return (
        not isinstance(value, str)
        or value.isascii()
        or not any("\udc80" <= char <= "\udcff" for char in value)
    )


def _encoded(value: Value) -> bytes:
    assert isinstance(value, str)
    return value.encode("utf-8", "surrogateescape")


def _is_void(folder: Path, headers: Mapping[int, Header], found: list[int]) -> bool:
    """Whether the last generation is one whose beginning was never committed."""
    if len(found) < 2 or _counts(folder, found[-1]):
        return False
    follows = headers[found[-1]].follows
    assert follows is not None
    with files.path_of(folder, follows.generation).open("rb") as file:
        file.seek(follows.end)
        return any(record_of(payload).base >= follows.seq for payload in Frames(file, follows.crc))


def _counts(folder: Path, generation: int) -> bool:
    """Whether it has records."""
    with files.path_of(folder, generation).open("rb") as file:
        file.seek(len(MAGIC))
        frames = Frames(file)
        return next(frames, None) is not None and next(frames, None) is not None

"""What the files of a journal hold: frames whose checksums hang on one another. Pure.

A file is MAGIC and frames; a frame is length and CRC-32 (both 32 bits, little endian) and that many bytes of
JSON. The CRC goes over length and bytes and begins with the CRC of the frame before (the first: 0), so that
no frame can be missing, doubled or of another file. The first frame is the Header, the others are Records.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, BinaryIO
from zlib import crc32

MAGIC = b"callisto journal 1\n"
PREFIX = struct.Struct("<II")

Value = int | float | str | bytes | None
Group = tuple[str, str, Sequence[Sequence[Value]]]
"""What happened (`i` inserted, `u` updated, `d` deleted), the table, the rows: all columns of an inserted
row; the key of a deleted one; of an updated one all columns, then the key that it had."""


class FormatError(ValueError):
    """A frame that is whole and is none of ours."""


class Because(StrEnum):
    """Why a generation was begun. MADE: the store is new, or was migrated, repaired or restored; ROTATED: in
    time, nothing else changed. The others: store and journal did not agree. GONE: the store's generation is
    not there; BEHIND: the store lacks changes that the journal has, which had been answered; AHEAD: the
    journal lacks changes that the store has; FOREIGN: it is the journal of another store."""

    MADE = "made"
    ROTATED = "rotated"
    GONE = "gone"
    BEHIND = "behind"
    AHEAD = "ahead"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Place:
    """A point between two records: `seq` and `crc` of the record before it, and its offset in the file."""

    generation: int
    seq: int
    crc: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """`at`: Unix seconds. `seq`: of the last record before. `follows`: where the store was in the generation
    before, if nothing but the journal's changes led here; else the generation begins with its snapshot.
    `tables`: the columns that the records have, in their order; `keys`: those of a key."""

    generation: int
    seq: int
    at: float
    because: Because
    follows: Place | None
    tables: Mapping[str, Sequence[str]]
    keys: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Record:
    """One transaction. `base`: the seq that the store had before it. A record before this one with a seq
    above `base` has never been committed."""

    seq: int
    base: int
    at: float
    changes: Sequence[Group]


def frame(payload: bytes, before: int) -> tuple[bytes, int]:
    """The bytes of a frame after one with the CRC `before`, and its own CRC."""
    crc = _crc(payload, before)
    return PREFIX.pack(len(payload), crc) + payload, crc


def header_bytes(header: Header) -> bytes:
    return json.dumps({"journal": asdict(header)}, separators=(",", ":")).encode("ascii")


def record_bytes(record: Record) -> bytes:
    """ASCII; what JSON does not have (bytes) as an object. Text that is not Unicode keeps its bytes, as
    lone surrogates."""
    return _ENCODE([record.seq, record.base, record.at, record.changes]).encode("ascii")


def header_of(payload: bytes) -> Header:
    """Raises FormatError."""
    try:
        told = json.loads(payload)["journal"]
        follows = told.pop("follows")
        return Header(
            **{**told, "because": Because(told["because"]), "follows": Place(**follows) if follows else None}
        )
    except (ValueError, KeyError, TypeError) as exc:
        raise FormatError(f"not the header of a journal: {exc}") from exc


def record_of(payload: bytes) -> Record:
    """Raises FormatError."""
    try:
        seq, base, at, changes = json.loads(payload, object_hook=_bytes)
        return Record(int(seq), int(base), float(at), changes)
    except (ValueError, TypeError) as exc:
        raise FormatError(f"not a record of a journal: {exc}") from exc


class Frames:
    """Reads frames one after another from `file`, which stands after a frame with the CRC `crc`.

    After the last good one `end`, `crc` are of it; `whole` says whether the file ended there; if not,
    `damaged` tells bytes that were changed later from a tail that was never written whole.
    """

    def __init__(self, file: BinaryIO, crc: int = 0) -> None:
        self._file = file
        self.crc = crc
        self.end = file.tell()
        self.whole = False
        self.damaged = False

    def __iter__(self) -> Frames:
        return self

    def __next__(self) -> bytes:
        prefix = self._file.read(PREFIX.size)
        if len(prefix) < PREFIX.size:
            self.whole = not prefix
            raise StopIteration
        length, crc = PREFIX.unpack(prefix)
        payload = self._file.read(length) if length else b""
        if not payload or len(payload) < length or _crc(payload, self.crc) != crc:
            self.damaged = self._goes_on(length, len(payload), crc)
            raise StopIteration
        self.crc = crc
        self.end += PREFIX.size + length
        return payload

    def _goes_on(self, length: int, got: int, crc: int) -> bool:
        """Whether a good frame comes after the bad one."""
        prefix = self._file.read(PREFIX.size)
        if not length or got < length or len(prefix) < PREFIX.size:
            return False
        length, after = PREFIX.unpack(prefix)
        payload = self._file.read(length)
        return len(payload) == length > 0 and _crc(payload, crc) == after


def _crc(payload: bytes, before: int) -> int:
    return crc32(payload, crc32(len(payload).to_bytes(4, "little"), before))


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return {"b": base64.b64encode(value).decode("ascii")}
    raise TypeError(f"{type(value).__name__} is nothing that a column holds")


def _bytes(value: dict[str, Any]) -> bytes:
    return base64.b64decode(value["b"], validate=True)


_ENCODE = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=True, check_circular=False, default=_plain
).encode

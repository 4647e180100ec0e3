"""What an archive says of itself, as its last member. Pure.

Names of members are not encrypted in a ZIP: those of files are in the member `files.jsonl`
(`db.backup.placed`), and each has the neutral name of its contents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from db.backup.errors import ForeignArchiveError, NewerVersionError

Kind = Literal["settings", "users", "groups", "history", "media"]
"""What may be restored apart from the rest."""

FORMAT = 1
PRODUCT = "callisto-appliance"
MANIFEST = "MANIFEST.json"
STORE = "store.db"
FILES = "files.jsonl"
MEDIA = "media/"
MOST_DAMAGED = 100

_MEMBER = re.compile(r"store\.db|files\.jsonl|media/[0-9a-f]{64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WHAT = "its manifest is not one of ours"


@dataclass(frozen=True, slots=True)
class Entry:
    """A member: its size and the SHA-256 of its contents."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`version`: of the program; `schema`: the store's, as migrations count; `dialect`: of the store that was
    read (the archive has SQLite always); `rows`: of each table.

    `entries`: the store, and the list of files. `files`: how many that list has; `media`: how many members
    hold their contents (`media/` and its SHA-256), `media_size`: of how many bytes; `damaged`: files that
    were not as they had been written, and are left out, `MOST_DAMAGED` of them at most. `without`: backup
    targets whose secrets are left out.
    """

    format: int
    product: str
    version: str
    made_at: datetime
    schema: str
    dialect: str
    rows: Mapping[str, int]
    entries: tuple[Entry, ...]
    files: int = 0
    media: int = 0
    media_size: int = 0
    damaged: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all that is in the archive, unpacked."""
        return self.media_size + sum(entry.size for entry in self.entries)


def to_json(manifest: Manifest) -> bytes:
    found = {**asdict(manifest), "made_at": manifest.made_at.astimezone(UTC).isoformat()}
    return json.dumps(found, ensure_ascii=False, indent=1).encode()


def of_json(raw: bytes) -> Manifest:
    """Raises ForeignArchiveError, and NewerVersionError for a format that this version does not know."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise ForeignArchiveError("its manifest cannot be read") from exc
    if not isinstance(found, dict) or found.get("product") != PRODUCT:
        raise ForeignArchiveError(_WHAT)
    number = found.get("format")
    if not isinstance(number, int) or number < 1:
        raise ForeignArchiveError(_WHAT)
    if number > FORMAT:
        raise NewerVersionError(
            str(found.get("version"))[:40], f"it has the format {number}, this version knows {FORMAT}"
        )
    try:
        return _manifest(found)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise ForeignArchiveError(_WHAT) from exc


def is_member(name: str) -> bool:
    """Whether an archive of ours may have a member of that name, besides its manifest."""
    return _MEMBER.fullmatch(name) is not None


def _manifest(found: Mapping[str, Any]) -> Manifest:
    made_at = datetime.fromisoformat(_text(found["made_at"]))
    if made_at.utcoffset() is None:
        raise ValueError("no zone")
    entries = tuple(_entry(each) for each in found["entries"])
    if sorted(entry.name for entry in entries) != [FILES, STORE]:
        raise ValueError("entries")
    return Manifest(
        found["format"],
        PRODUCT,
        _text(found["version"]),
        made_at.astimezone(UTC),
        _text(found["schema"]),
        _text(found["dialect"]),
        {_text(name): _count(rows) for name, rows in found["rows"].items()},
        entries,
        _count(found["files"]),
        _count(found["media"]),
        _count(found["media_size"]),
        tuple(_text(each) for each in found["damaged"]),
        tuple(_text(each) for each in found.get("without", ())),
    )


def _entry(found: Mapping[str, Any]) -> Entry:
    entry = Entry(_text(found["name"]), _count(found["size"]), _text(found["sha256"]))
    if not _SHA256.fullmatch(entry.sha256):
        raise ValueError(entry.name)
    return entry


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError(type(found).__name__)
    return found


def _count(found: object) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise TypeError(type(found).__name__)
    return found

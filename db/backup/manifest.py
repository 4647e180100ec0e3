"""What an archive says of itself, as its last member. Pure.

Names of members are not encrypted in a ZIP: those of files are kept here, and the member has the neutral name
of its contents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from db.backup.errors import ForeignArchiveError, NewerVersionError

Kind = Literal["settings", "users", "groups", "history", "media"]
"""What may be restored apart from the rest."""
Root = Literal["state", "config"]

FORMAT = 1
PRODUCT = "callisto-appliance"
MANIFEST = "MANIFEST.json"
STORE = "store.db"
MEDIA = "media/"
LONGEST_PATH = 255

_MEMBER = re.compile(r"store\.db|media/[0-9a-f]{64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WHAT = "its manifest is not one of ours"


@dataclass(frozen=True, slots=True)
class Entry:
    """A member: `store.db`, or `media/` and the SHA-256 of its contents."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the contents of a member belong: `path` below the state folder, with /; or, for `config`, beside
    `callisto.toml`, which no restore overwrites. Several may have the same member."""

    root: Root
    path: str
    entry: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Manifest:
    """`version`: of the program; `schema`: the store's, as migrations count; `dialect`: of the store that was
    read (the archive has SQLite always); `rows`: of each table; `damaged`: media that were not as they had
    been written, and are left out."""

    format: int
    product: str
    version: str
    made_at: datetime
    schema: str
    dialect: str
    rows: Mapping[str, int]
    entries: tuple[Entry, ...]
    files: tuple[Placed, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all that is in the archive, unpacked."""
        return sum(entry.size for entry in self.entries)


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


def is_safe(path: str) -> bool:
    """Whether it stays below the folder it is put under, on any system."""
    return (
        0 < len(path) <= LONGEST_PATH
        and not {"", ".", ".."} & set(path.split("/"))
        and path.isprintable()
        and not set(path) & {"\\", ":"}
    )


def _manifest(found: Mapping[str, Any]) -> Manifest:
    made_at = datetime.fromisoformat(_text(found["made_at"]))
    if made_at.utcoffset() is None:
        raise ValueError("no zone")
    entries = tuple(_entry(each) for each in found["entries"])
    names = {entry.name for entry in entries}
    if len(names) != len(entries) or STORE not in names:
        raise ValueError("entries")
    files = tuple(_placed(each, names) for each in found["files"])
    if len({(each.root, each.path) for each in files}) != len(files):
        raise ValueError("files")
    return Manifest(
        found["format"],
        PRODUCT,
        _text(found["version"]),
        made_at.astimezone(UTC),
        _text(found["schema"]),
        _text(found["dialect"]),
        {_text(name): _count(rows) for name, rows in found["rows"].items()},
        entries,
        files,
        tuple(_text(each) for each in found["damaged"]),
    )


def _entry(found: Mapping[str, Any]) -> Entry:
    entry = Entry(_text(found["name"]), _count(found["size"]), _text(found["sha256"]))
    if not is_member(entry.name) or not _SHA256.fullmatch(entry.sha256):
        raise ValueError(entry.name)
    if entry.name.startswith(MEDIA) and entry.name != MEDIA + entry.sha256:
        raise ValueError(entry.name)
    return entry


def _placed(found: Mapping[str, Any], names: set[str]) -> Placed:
    placed = Placed(found["root"], _text(found["path"]), _text(found["entry"]), found["kind"])
    if placed.root not in get_args(Root) or placed.kind not in get_args(Kind):
        raise ValueError(placed.path)
    if placed.entry not in names - {STORE} or not is_safe(placed.path):
        raise ValueError(placed.path)
    return placed


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError(type(found).__name__)
    return found


def _count(found: object) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise TypeError(type(found).__name__)
    return found

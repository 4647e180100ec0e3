"""Where each file of a backup belongs: lines of the member `files.jsonl`, one after the other, so that no
memory has to hold them all. Pure.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from db.backup.errors import ForeignArchiveError
from db.backup.manifest import MEDIA, Kind

Root = Literal["state", "config"]
LONGEST_PATH = 255
LONGEST_LINE = 4000
_WHAT = "its list of files is not one of ours"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Placed:
    """`path`: below the state folder, with /; or, for `config`, beside `callisto.toml`, which no restore
    overwrites. `sha256`, `size`: of its contents, which several may share."""

    root: Root
    path: str
    kind: Kind
    sha256: str
    size: int

    @property
    def entry(self) -> str:
        """The member with its contents."""
        return MEDIA + self.sha256


def to_line(placed: Placed) -> bytes:
    return json.dumps(asdict(placed), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def of_line(line: bytes) -> Placed:
    """Raises ForeignArchiveError."""
    try:
        found: dict[str, object] = json.loads(line)
        root, path, kind, sha256, size = (found[key] for key in ("root", "path", "kind", "sha256", "size"))
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise ForeignArchiveError(_WHAT) from exc
    roots: tuple[Root, ...] = get_args(Root)
    kinds: tuple[Kind, ...] = get_args(Kind)
    its_root = next((each for each in roots if each == root), None)
    its_kind = next((each for each in kinds if each == kind), None)
    if its_root is None or its_kind is None or not (isinstance(path, str) and is_safe(path)):
        raise ForeignArchiveError(_WHAT)
    if not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)) or type(size) is not int or size < 0:
        raise ForeignArchiveError(_WHAT)
    return Placed(its_root, path, its_kind, sha256, size)


def is_safe(path: str) -> bool:
    """Whether it stays below the folder it is put under, on any system."""
    return (
        0 < len(path) <= LONGEST_PATH
        and not {"", ".", ".."} & set(path.split("/"))
        and path.isprintable()
        and not set(path) & {"\\", ":"}
    )

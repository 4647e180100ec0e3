"""The proof that a backup can be restored: it is, into a folder of its own, as far as the last step."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pysqlite3

from db.backup.errors import UnsoundStoreError
from db.backup.manifest import STORE, Manifest
from db.backup.progress import Progress, Tell, silent
from db.backup.reading import is_store, unpack
from db.backup.source import rows_of, schema_of

PRESENT = max(
    each.name[1:5] for each in (Path(__file__).parents[1] / "migrations/versions").glob("v[0-9]*.py")
)
"""The schema of this version, known without loading what migrates."""


@dataclass(frozen=True, slots=True)
class Proved:
    manifest: Manifest
    rows: int


def prove(chunks: Iterable[bytes], password: str, work: Path, tell: Tell = silent) -> Proved:
    """Read an archive to its end, every hash compared, and make a store of this version of what is in it, in
    a folder in `work` that is gone afterwards. Raises ArchiveError; OSError where the disk fails."""
    folder = Path(tempfile.mkdtemp(prefix="proof-", dir=work))
    try:
        room = shutil.disk_usage(folder).free // 2
        manifest = unpack(chunks, folder, password, room, tell, wanted=is_store)
        tell(Progress(manifest.size, manifest.size, "tries to restore it"))
        bring_forward(folder / STORE, manifest)
        return Proved(manifest, sum(manifest.rows.values()))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def bring_forward(store: Path, manifest: Manifest) -> None:
    """A store that was unpacked, at the present schema, with all that its manifest counts. Nobody else has it
    open. Raises UnsoundStoreError, NewerVersionError: then it is not to be used."""
    try:
        with closing(pysqlite3.connect(str(store), isolation_level=None)) as raw:
            _check(raw, manifest)
    except (pysqlite3.Error, TypeError) as exc:
        raise UnsoundStoreError(" ".join(str(exc).split())) from exc
    if manifest.schema != PRESENT:
        from db.backup.forward import migrate

        migrate(store, manifest)


def _check(raw: Any, manifest: Manifest) -> None:
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "query_only=ON"):
        raw.execute(f"PRAGMA {pragma}")
    said = [str(row[0]) for row in raw.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
    if said:
        raise UnsoundStoreError("; ".join(said))
    if row := raw.execute(
        "SELECT type, name FROM sqlite_schema WHERE type IN ('trigger', 'view')"
    ).fetchone():
        raise UnsoundStoreError(f"it has a {row[0]} {str(row[1])[:40]!r}, which no store of ours has")
    if row := raw.execute("PRAGMA foreign_key_check").fetchone():
        raise UnsoundStoreError(f"rows of {row[0]} refer to nothing")
    if schema_of(raw) != manifest.schema:
        raise UnsoundStoreError(f"it has the schema {schema_of(raw)}, its manifest says {manifest.schema}")
    if rows_of(raw) != dict(manifest.rows):
        raise UnsoundStoreError("it does not have the rows that its manifest counts")

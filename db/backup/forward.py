"""The store of an older backup, brought to the present schema."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pysqlite3

from db import tables
from db.backup.errors import NewerVersionError, UnsoundStoreError
from db.backup.manifest import Manifest
from db.backup.source import rows_of
from db.errors import StoreError, StoreNewerError
from db.prepare import prepare


def migrate(store: Path, manifest: Manifest) -> None:
    """Nobody else has it open. Raises UnsoundStoreError, NewerVersionError."""
    try:
        prepare(f"sqlite:///{store}", make=False)
        with closing(pysqlite3.connect(str(store), isolation_level=None)) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            rows = rows_of(raw)
    except StoreNewerError as exc:
        raise NewerVersionError(manifest.version, exc.message) from exc
    except StoreError as exc:
        raise UnsoundStoreError(exc.message) from exc
    except pysqlite3.Error as exc:
        raise UnsoundStoreError(" ".join(str(exc).split())) from exc
    present = tables.metadata.tables
    lost = [name for name, count in manifest.rows.items() if name in present and rows.get(name, 0) < count]
    if lost:
        raise UnsoundStoreError(f"not all rows of {', '.join(lost[:3])} came along")

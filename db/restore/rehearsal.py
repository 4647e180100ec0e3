"""A restore before anything is changed: the archive is read and compared, the present state backed up.

Apart from what follows, because it loads what reads and writes archives.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from db.backup import making
from db.backup.manifest import STORE, Manifest
from db.backup.names import name_of
from db.backup.progress import Tell, silent
from db.backup.proof import bring_forward
from db.backup.reading import unpack
from db.backup.source import Source
from db.restore.building import administrators_of, build, differences, is_readable
from db.restore.job import Folder, Job
from db.restore.plan import Plan
from db.restore.work import explained, forget, placing_of


def read(folder: Folder, chunks: Iterable[bytes], password: str, tell: Tell = silent) -> Manifest:
    """Unpack an archive, believed in nothing, and bring its store to the present schema. Nothing else is
    touched. Raises ArchiveError, OSError."""
    forget(folder)
    folder.unpacked.mkdir(mode=0o700, parents=True)
    room = shutil.disk_usage(folder.path).free // 2
    manifest = unpack(chunks, folder.unpacked, password, room, tell)
    bring_forward(folder.unpacked / STORE, manifest)
    return manifest


def rehearse(folder: Folder, job: Job, manifest: Manifest, user: str = "", url: str = "") -> Plan:
    """What the restore of what was read would change; nothing is changed. `user`: who asks; `url`: of the
    server, where the store is in one. Raises StoreError, OSError."""
    scratch = folder.unpacked / "rehearsed.db"
    present = _present(folder, job, url)
    with explained():
        built = build(folder.unpacked / STORE, present, scratch, job.kinds)
        different = differences(scratch, present, job.kinds) if present else ()
        before = administrators_of(present) if present else {}
    warnings = []
    if not present:
        warnings.append("the present store cannot be read: nothing of it is kept or compared")
    if user and built.administrators.get(user) != before.get(user):
        warnings.append(
            f"your password will be the one of {manifest.made_at:%Y-%m-%d}"
            if user in built.administrators
            else f"{user} will not be an administrator; {', '.join(sorted(built.administrators))} will"
        )
    changed = placing_of(folder, job).changes(job.kinds)
    return Plan(job.archive, manifest.made_at, manifest.version, manifest.schema, job.kinds, different,
                changed, built.left_out, tuple(warnings))  # fmt: skip


def save(job: Job, source: Source, host: str, password: str = "", tell: Tell = silent) -> Job:
    """Back up the present state first, with the password of the archive if it has one. A store that cannot be
    read is kept as it is, file by file, which the exchange does anyway; for any other reason there is no
    restore. Raises BackupError, ArchiveError."""
    if not job.server and not is_readable(Path(job.store)):
        return replace(job, lacks="the present store cannot be read; its files are kept as they are")
    file = source.work / name_of(host, datetime.now(UTC))
    made = making.make(source, file, password, tell, who=f"a restore, begun by {job.who}")
    return replace(job, saved=made.file.name)


def _present(folder: Folder, job: Job, url: str) -> Path | None:
    """A file with the present store; None when it cannot be read."""
    if not job.server:
        store = Path(job.store)
        return store if is_readable(store) else None
    from db.backup.server import carry  # it loads what speaks to servers

    present = folder.unpacked / "present.db"
    carry(url, present)
    return present

"""The store as it will be: that of the backup, or the present one with some kinds taken from the backup."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pysqlite3

from db.backup.kinds import BOOKKEEPING, KINDS
from db.backup.manifest import Kind
from db.backup.secrets import Known, give_back, known
from db.backup.source import schema_of
from db.errors import RefusedError
from db.journal.capture import columns_of, key_of
from db.office import ADMINISTRATOR
from db.repair.kept import clear
from db.restore.plan import SHOWN, Difference, is_whole
from db.schema import MIGRATIONS, head
from db.tables import metadata

OF_THIS_MACHINE = ("spool_position",)
"""What of `history` stays as it is: how far this machine's own files have been read."""
_NAMED = {"users": "user", "groups": "name", "contact": "name", "variable": "name", "user_role": "user"}


@dataclass(frozen=True, slots=True)
class Built:
    """`left_out`: rows that would have referred to nothing, and secrets that the backup has not;
    `administrators`: who can log in, with what is kept of their passwords."""

    left_out: tuple[str, ...]
    administrators: dict[str, str]


def is_readable(present: Path) -> bool:
    """Whether the present store is sound and of the present schema, so that something can be kept of it."""
    if not present.is_file() or not present.stat().st_size:
        return False
    try:
        with closing(_raw(present)) as raw:
            sound = [row[0] for row in raw.execute("PRAGMA quick_check(1)")] == ["ok"]
            return sound and schema_of(raw) == head(MIGRATIONS)
    except (pysqlite3.Error, TypeError):
        return False


def build(restored: Path, present: Path | None, into: Path, kinds: Sequence[Kind]) -> Built:
    """Make the store `into` of `restored`, which has the present schema, and of `present`: None when that
    cannot be read.

    The audit trail only grows: what the present one has beyond the backup's comes after it. Raises
    RefusedError when nothing can be kept of the present store but is to be, or nobody could log in to the
    new one; pysqlite3.Error, OSError.
    """
    clear(into)
    secrets: Known = {}
    if present is not None:
        with closing(_raw(present)) as raw:
            secrets = known(raw)
    if is_whole(kinds):
        shutil.copyfile(restored, into)
        into.chmod(0o600)
    elif present is None:
        raise RefusedError(
            "the present store cannot be read, so nothing of it can be kept",
            hint="restore everything, or repair it first: repair start",
        )
    else:
        with closing(_raw(present)) as raw:
            raw.execute("VACUUM INTO ?", (str(into),))
        into.chmod(0o600)
    with closing(_raw(into)) as raw, _transaction(raw, _others(is_whole(kinds), restored, present)):
        if is_whole(kinds):
            if present:
                _take(raw, OF_THIS_MACHINE)
                _go_on_with_audit(raw, "other", "main")
        else:
            _take_kinds(raw, kinds)
        left_out = (*_without_dangling(raw), *(give_back(raw, secrets) if "settings" in kinds else ()))
        administrators = _administrators(raw)
        if not administrators:
            raise RefusedError(
                "nobody could log in any more: what would be there has no administrator with a password",
                hint="restore without users: settings, groups, history or media",
            )
    return Built(left_out, administrators)


def differences(built: Path, present: Path, kinds: Sequence[Kind]) -> tuple[Difference, ...]:
    """From `present` to `built`, table by table."""
    with closing(_raw(built)) as raw, _transaction(raw, present):
        found = [
            _difference(raw, kind, name)
            for kind in kinds
            for name in KINDS[kind]
            if name not in OF_THIS_MACHINE
        ]
    return tuple(each for each in found if each.added or each.removed or each.changed)


def take_since(into: Path, source: Path, since: datetime) -> None:
    """What came from this machine's own files while `source` was the store: call records, and how far the
    files have been read."""
    began = since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    columns = ", ".join(f'"{each}"' for each in columns_of(metadata.tables["call"]))
    with closing(_raw(into)) as raw, _transaction(raw, source):
        raw.execute(
            f"INSERT OR IGNORE INTO main.call ({columns}) SELECT {columns} FROM other.call WHERE ended >= ?",
            (began,),
        )
        _take(raw, OF_THIS_MACHINE)


def administrators_of(present: Path) -> dict[str, str]:
    with closing(_raw(present)) as raw:
        return _administrators(raw)


def _others(whole: bool, restored: Path, present: Path | None) -> Path | None:
    return present if whole else restored


@contextmanager
def _transaction(raw: Any, other: Path | None) -> Iterator[None]:
    if other is not None:
        raw.execute("ATTACH ? AS other", (str(other),))
    raw.execute("BEGIN")
    try:
        yield
    except BaseException:
        raw.execute("ROLLBACK")
        raise
    raw.execute("COMMIT")


def _take_kinds(raw: Any, kinds: Sequence[Kind]) -> None:
    for kind in kinds:
        names = [each for each in KINDS[kind] if each not in (*OF_THIS_MACHINE, "audit")]
        _take(raw, names)
        if kind == "history":
            raw.execute("CREATE TEMP TABLE audit_now AS SELECT * FROM main.audit")
            _take(raw, ["audit"])
            _go_on_with_audit(raw, "temp", "main", "audit_now")


def _take(raw: Any, names: Sequence[str]) -> None:
    for name in names:
        columns = ", ".join(f'"{each}"' for each in columns_of(metadata.tables[name]))
        raw.execute(f'DELETE FROM main."{name}"')
        raw.execute(f'INSERT INTO main."{name}" ({columns}) SELECT {columns} FROM other."{name}"')


def _go_on_with_audit(raw: Any, source: str, into: str, name: str = "audit") -> None:
    columns = ", ".join(f'"{each}"' for each in columns_of(metadata.tables["audit"]) if each != "id")
    raw.execute(
        f'INSERT INTO "{into}".audit ({columns}) SELECT {columns} FROM "{source}"."{name}" '
        f'EXCEPT SELECT {columns} FROM "{into}".audit ORDER BY 1'
    )


def _without_dangling(raw: Any) -> Iterator[str]:
    """Rows of one kind that refer to another kind's, which are not there."""
    while broken := raw.execute("PRAGMA main.foreign_key_check").fetchall():
        for table, rowid, parent, _ in broken:
            key = key_of(metadata.tables[table])
            columns = ", ".join(f'"{each}"' for each in key)
            row = raw.execute(f'SELECT {columns} FROM main."{table}" WHERE rowid = ?', (rowid,)).fetchone()
            if row is None:
                continue  # it referred to nothing twice
            named = ", ".join(f"{name} {value}" for name, value in zip(key, row, strict=True))
            raw.execute(f'DELETE FROM main."{table}" WHERE rowid = ?', (rowid,))
            yield f"{table} {named}: there is no such row in {parent}"


def _administrators(raw: Any) -> dict[str, str]:
    rows = raw.execute(
        'SELECT u."user", u.password_hash FROM main.users u JOIN main.user_role r ON r."user" = u."user" '
        "WHERE r.role = ? AND u.password_hash <> ''",
        (ADMINISTRATOR,),
    )
    return dict(rows.fetchall())


def _difference(raw: Any, kind: Kind, name: str) -> Difference:
    table = metadata.tables[name]
    same = " AND ".join(f'a."{each}" = b."{each}"' for each in key_of(table))
    alike = " AND ".join(f'a."{each}" IS b."{each}"' for each in columns_of(table))
    shown = _NAMED.get(name)

    def found(where: str) -> tuple[int, list[str]]:
        count = raw.execute(f"SELECT count(*) FROM {where}").fetchone()[0]
        if not (count and shown):
            return count, []
        rows = raw.execute(f'SELECT DISTINCT a."{shown}" FROM {where} ORDER BY 1 LIMIT {SHOWN + 1}')
        return count, [str(row[0]) for row in rows]

    def lacking(here: str, there: str) -> str:
        return f'{here}."{name}" a WHERE NOT EXISTS (SELECT 1 FROM {there}."{name}" b WHERE {same})'

    added, come = found(lacking("main", "other"))
    removed, go = found(lacking("other", "main"))
    changed, others = found(f'main."{name}" a JOIN other."{name}" b ON {same} WHERE NOT ({alike})')
    return Difference(kind, name, added, removed, changed, tuple(dict.fromkeys((*come, *go, *others))))


def _raw(path: Path) -> Any:
    raw = pysqlite3.connect(str(path), timeout=5, isolation_level=None)
    for pragma in ("foreign_keys=OFF", "secure_delete=ON", "cell_size_check=ON", "mmap_size=0"):
        raw.execute(f"PRAGMA {pragma}")
    return raw


assert not set(BOOKKEEPING) & {name for names in KINDS.values() for name in names}

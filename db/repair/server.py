"""Repair of a store that a PostgreSQL server keeps: looked through with amcheck, indexes made anew.

What else is damaged there is the server's: its pages have no second copy here, so a backup is what helps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from db.engine import explained, parse_url, url_shown
from db.errors import StoreError
from db.repair.found import Diagnosis
from db.repair.job import Folder, Job
from db.repair.report import FORMAT, in_a_line
from db.repair.steps import Step
from db.tables import metadata

SOUND = "the store is sound: nothing was done"
MOST = 100
_DENIED, _CORRUPT = "42501", ("XX001", "XX002")
"""PostgreSQL: insufficient privilege; data corrupted, index corrupted."""


@dataclass(frozen=True, slots=True)
class Looked:
    """`bad`: indexes that are to be made anew, and why; `rows`: what is wrong with tables themselves;
    `notes`: what could not be looked at, and which right that takes."""

    bad: dict[str, str]
    rows: tuple[str, ...]
    notes: tuple[str, ...]
    indexes: tuple[str, ...]


def look(url: str) -> Looked:
    """Raises StoreUnavailableError."""
    with _connected(url) as connection:
        notes = _extension(connection)
        indexes = tuple(connection.execute(text(_INDEXES), {"names": list(metadata.tables)}).scalars())
        unusable = set(connection.execute(text(_UNUSABLE)).scalars())
        bad = {name: "it is not usable" for name in indexes if name in unusable}
        rows: list[str] = []
        if not notes:
            for name in indexes:
                if name not in bad and (said := _asked(connection, _CHECK_INDEX, name, notes)):
                    bad[name] = said
            for name in metadata.tables:
                if said := _asked(connection, _CHECK_TABLE, name, notes):
                    rows.append(f"table {name}: {said}")
        return Looked(bad, tuple(rows[:MOST]), tuple(notes), indexes)


def diagnose(url: str) -> Diagnosis:
    """What is wrong with the store at `url`. Nobody has to wait for it; the extension amcheck is added where
    it may be. Raises StoreUnavailableError."""
    began = time.monotonic()
    found = look(url)
    with _connected(url) as connection:
        size = int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    return _diagnosis(found, size, time.monotonic() - began)


def repair(folder: Folder, job: Job, tell: Callable[[Job], None], url: str) -> Job:
    """Carry out `job`: make the damaged indexes anew, all of them with `force` or where rows are damaged."""

    def at(step: Step, **changes: Any) -> Job:
        found = replace(job, step=step, **changes)
        folder.keep_job(found)
        tell(found)
        return found

    try:
        job = at(Step.LOOK)
        before = look(url)
        diagnosis = _diagnosis(before, 0, 0.0)
        if diagnosis.verdict == "sound" and not job.force:
            return at(Step.UNDONE, result=SOUND, hint="; ".join(before.notes), ended=_now())
        job = at(Step.REINDEX)
        wanted = before.indexes if job.force or before.rows else tuple(before.bad)
        done = _made_anew(url, wanted)
        job = at(Step.CHECK)
        report = _report(job, diagnosis, look(url), done, url)
    except StoreError as exc:
        return at(Step.UNDONE, result=str(exc), hint=exc.hint, failed=True, ended=_now())
    folder.keep_report(job.stamp, report)
    whole = bool(report["whole"])
    hint = "" if whole else "restore a backup: what rows are damaged, the server cannot put right"
    return at(Step.DONE, result=in_a_line(report), hint=hint, failed=not whole, ended=_now())


def _diagnosis(found: Looked, size: int, took_s: float) -> Diagnosis:
    findings = (*(f"index {name}: {why}" for name, why in found.bad.items()), *found.rows)
    verdict: Any = "damaged" if found.rows else "indexes" if found.bad else "sound"
    return Diagnosis(
        verdict, findings[:MOST], bytes=size, took_s=took_s, notes=found.notes, server=True
    )  # fmt: skip


def _extension(connection: Connection) -> list[str]:
    """Nothing when amcheck is there; else what is missing."""
    try:
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS amcheck"))
    except DBAPIError as exc:
        if getattr(exc.orig, "sqlstate", None) == _DENIED:
            user = connection.execute(text("SELECT quote_ident(current_user)")).scalar_one()
            return [
                f"indexes and tables were not looked into: {user} may not use amcheck. Once, as a superuser"
                f" in this database: CREATE EXTENSION IF NOT EXISTS amcheck; {_GRANT.format(user)}"
            ]
        return [
            "indexes and tables were not looked into: the server has no amcheck; it comes with the package"
            " postgresql-contrib (Debian: with the server itself)"
        ]
    return []


def _asked(connection: Connection, question: str, name: str, notes: list[str]) -> str:
    """What amcheck says against it; empty for nothing."""
    try:
        said = connection.execute(text(question), {"name": name}).fetchmany(1)
    except DBAPIError as exc:
        state = getattr(exc.orig, "sqlstate", None)
        if state in _CORRUPT:
            return str(exc.orig).splitlines()[0]
        if state != _DENIED:
            raise
        user = connection.execute(text("SELECT quote_ident(current_user)")).scalar_one()
        note = f"not everything was looked into; once, as a superuser: {_GRANT.format(user)}"
        if note not in notes:
            notes.append(note)
        return ""
    return " ".join(str(said[0][0]).split()) if said and said[0][0] else ""


def _made_anew(url: str, names: tuple[str, ...]) -> list[str]:
    """Writers to its table wait while one is made. What was done, and what the server refuses, in words."""
    made, refused = [], []
    with _connected(url) as connection:
        quote = connection.dialect.identifier_preparer.quote
        for name in names:
            try:
                connection.execute(text(f"REINDEX INDEX {quote(name)}"))
                made.append(name)
            except DBAPIError as exc:
                refused.append(f"index {name} is as it was: {str(exc.orig).splitlines()[0]}")
    return [f"made anew: {', '.join(made)}", *refused] if made else refused


def _report(job: Job, found: Diagnosis, after: Looked, done: list[str], url: str) -> dict[str, Any]:
    """`done`: what was made anew, and what was refused, in words."""
    still = [f"index {name} is still bad: {why}" for name, why in after.bad.items()]
    return {
        "format": FORMAT,
        "stamp": job.stamp,
        "who": job.who,
        "began": job.began,
        "ended": _now(),
        "store": job.store,
        "kept_as": [],
        "verdict": found.verdict,
        "findings": list(found.findings),
        "bad_log_pages": 0,
        "how": "server",
        "revision": 0,
        "whole": not (after.rows or still),
        "tables": list(_counted(url)),
        "notes": [*done, *still, *after.rows, *after.notes],
    }


def _counted(url: str) -> Iterator[dict[str, Any]]:
    with _connected(url) as connection:
        quote = connection.dialect.identifier_preparer.quote
        for name in metadata.tables:
            try:
                rows = int(connection.execute(text(f"SELECT count(*) FROM {quote(name)}")).scalar_one())
            except DBAPIError:  # a page of it cannot be read: the findings say so
                rows = 0
            yield {
                "table": name, "rows": rows, "kept": rows, "from_journal": 0, "from_backup": 0, "lost": 0,
                "named": [], "stretches": [], "doubtful": 0, "doubtful_rows": [], "left_out": 0,
                "left_out_rows": [], "cut": 0, "cut_rows": [], "whole": True,
            }  # fmt: skip


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    parsed = parse_url(url)
    engine = create_engine(
        parsed, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5}
    )
    with explained(url_shown(parsed)), engine.connect() as connection:
        yield connection


def _now() -> str:
    return datetime.now(UTC).isoformat()


_INDEXES = """
    SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_am a ON a.oid = c.relam
    WHERE n.nspname = current_schema() AND a.amname = 'btree' AND t.relname = ANY(:names) ORDER BY 1
"""
_UNUSABLE = """
    SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE NOT (i.indisvalid AND i.indisready)
"""
_CHECK_INDEX = "SELECT bt_index_check(quote_ident(:name)::regclass, true)::text"
_CHECK_TABLE = "SELECT msg FROM verify_heapam(quote_ident(:name)::regclass) LIMIT 1"
_GRANT = "GRANT EXECUTE ON FUNCTION bt_index_check(regclass, boolean), verify_heapam TO {};"

"""A restore into a PostgreSQL server: in one transaction, which no other writer sees the middle of.

What there is to put together is put together in SQLite files, as it is for a file (`db.restore.building`); of
the server only the tables that differ are written. In `<state>/restore`, `server.db` stands for the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pysqlite3
from sqlalchemy import NullPool, Table, bindparam, create_engine, func, insert, select, text, update
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from db import tables
from db.backup.kinds import BOOKKEEPING
from db.backup.manifest import STORE
from db.backup.server import BATCH, carry_from
from db.engine import explained as explained_of_server
from db.engine import parse_url, url_shown
from db.errors import StoreError, StoreUnavailableError
from db.journal.capture import columns_of
from db.prepare import ADVISORY_LOCK
from db.repair import files as exchanged
from db.repair.building import finish
from db.repair.kept import clear
from db.restore import work
from db.restore.building import build, take_since
from db.restore.job import Folder, Job, Left, Step, left_by
from db.schema import must_be_current

WITHIN = 30
"""Seconds to wait for those who write, and for another one who restores or migrates."""


def exchange(folder: Folder, job: Job, url: str, tell: work.At) -> Job:
    """As `work.exchange`. Raises StoreUnavailableError where the server is gone before it has said whether
    it has taken what it was given: `recover` asks it again."""
    try:
        return _exchange(folder, job, url, tell)
    except (StoreError, OSError) as exc:
        now = folder.job() or job
        if now.step is Step.EXCHANGE and _has_taken(url, now):
            return work.at(folder, now, Step.START_WEB)
        done = work.undone(folder, now, str(exc), exc.hint if isinstance(exc, StoreError) else work.AS_IT_WAS)
    tell(done)
    return done


def go_back(folder: Folder, job: Job, why: str, url: str) -> Job:
    """As `work.go_back`, when the former state can be read."""
    former = work.files_of(job)
    back = exchanged.Files(Path(job.store), job.stamp, new="going-back", kept="restored")
    with _taken(url) as server, work.explained():
        server.carry(back.kept)
        back.new.unlink(missing_ok=True)
        with closing(pysqlite3.connect(str(former.kept), isolation_level=None)) as raw:
            raw.execute("VACUUM INTO ?", (str(back.new),))
        back.new.chmod(0o600)
        take_since(back.new, back.kept, datetime.fromisoformat(job.began))
        finish(back.new, max(job.floor, work.revision(back.kept)))
        work.placing_of(folder, job).put_back()
        server.put(back.new, back.kept)
        server.commit()
    clear(back.new)
    return work.gone_back(job, why)


def recover(folder: Folder, job: Job, url: str) -> Job:
    """What a killed one has left, when it was killed at the exchange. Raises StoreUnavailableError while the
    server does not say whether it has taken it."""
    assert left_by(job.step) is Left.FINISH
    if not _has_taken(url, job):
        return work.undone(folder, job, work.KILLED, work.AGAIN)
    clear(work.files_of(job).new)
    return work.at(folder, job, Step.LOOK)


def _exchange(folder: Folder, job: Job, url: str, tell: work.At) -> Job:
    job = work.step(folder, job, tell, Step.BUILD)
    files = work.files_of(job)
    with _taken(url) as server:
        server.carry(files.kept)
        with work.explained():
            built = build(folder.unpacked / STORE, files.kept, files.new, job.kinds)
            finish(files.new, max(job.floor, work.revision(files.kept)))
        job = work.place(folder, replace(job, notes=built.left_out), tell)
        server.put(files.new, files.kept)
        job = work.step(folder, replace(job, was=(server.transaction(),)), tell, Step.EXCHANGE)
        server.commit()
    clear(files.new)
    return work.step(folder, job, tell, Step.START_WEB)


class _Server:
    """A transaction in which nobody else writes."""

    def __init__(self, connection: Connection, shown: str) -> None:
        self._connection = connection
        self._shown = shown

    def carry(self, path: Path) -> None:
        clear(path)
        carry_from(self._connection, path, self._shown)
        path.chmod(0o600)
        path.with_name(path.name + ".lock").unlink(missing_ok=True)

    def put(self, new: Path, present: Path) -> None:
        """Make the store as `new` has it; it is as `present` has it now. Raises StoreUnavailableError."""
        different = _with_those_that_refer(_different(new, present))
        engine = create_engine(URL.create("sqlite", database=str(new)), module=pysqlite3, poolclass=NullPool)
        try:
            with engine.connect() as source:
                for table in reversed(different):
                    self._connection.execute(table.delete())
                for table in different:
                    with _refused(table.name):
                        self._fill(table, source)
                number = source.scalar(select(tables.revision.c.number))
                self._connection.execute(update(tables.revision).values(number=number))
        finally:
            engine.dispose()

    def transaction(self) -> int:
        return int(self._connection.execute(text("SELECT txid_current()")).scalar_one())

    def commit(self) -> None:
        self._connection.commit()

    def _fill(self, table: Table, source: Connection) -> None:
        """Rows may refer to later ones of their own table, so that comes last."""
        own = [each.parent.name for each in table.foreign_keys if each.column.table is table]
        rows = (dict(each) for each in source.execute(select(table)).mappings())
        while batch := list(islice(rows, BATCH)):
            self._connection.execute(insert(table), [{**row, **dict.fromkeys(own)} for row in batch])
        for name in own:
            self._refer(table, name, source)
        count = select(func.count()).select_from(table)
        if source.scalar(count) != self._connection.scalar(count):
            raise StoreUnavailableError(
                f"the rows of {table.name} did not all arrive", hint="the store is as it was; try again"
            )
        self._go_on_counting(table)

    def _refer(self, table: Table, name: str, source: Connection) -> None:
        (key,) = table.primary_key.columns
        column = table.c[name]
        change = update(table).where(key == bindparam("of_row")).values({name: bindparam("refers_to")})
        rows = source.execute(
            select(key.label("of_row"), column.label("refers_to")).where(column.is_not(None))
        )
        while batch := [dict(each) for each in islice(rows.mappings(), BATCH)]:
            self._connection.execute(change, batch)

    def _go_on_counting(self, table: Table) -> None:
        """The numbers that the server gives go on after the greatest. A sequence is in no transaction: it
        never goes back, so that one that is undone has done no harm."""
        column = table.autoincrement_column
        if column is None:
            return
        quote = self._connection.dialect.identifier_preparer.quote
        sequence = self._connection.execute(
            text("SELECT pg_get_serial_sequence(:table, :name)"),
            {"table": quote(table.name), "name": column.name},
        ).scalar()
        greatest = self._connection.scalar(select(func.max(column)))
        if sequence and greatest:
            self._connection.execute(
                text(f"SELECT setval(:sequence, greatest((SELECT last_value FROM {sequence}), :greatest))"),
                {"sequence": sequence, "greatest": greatest},
            )


@contextmanager
def _taken(url: str) -> Iterator[_Server]:
    """What is not committed in it has never been. Raises StoreError."""
    with _connected(url) as (connection, shown):
        must_be_current(connection, shown)
        # The row first that every writer of ours locks first.
        names = [
            tables.revision,
            *(each for each in tables.metadata.sorted_tables if each is not tables.revision),
        ]
        quote = connection.dialect.identifier_preparer.quote
        for table in names:
            connection.execute(text(f"LOCK TABLE {quote(table.name)} IN EXCLUSIVE MODE"))
        yield _Server(connection, shown)


@contextmanager
def _connected(url: str) -> Iterator[tuple[Connection, str]]:
    """Alone of those who prepare the store or restore it; readers go on."""
    parsed = parse_url(url)
    connect = {"connect_timeout": 5, "application_name": "callisto restore"}
    engine = create_engine(parsed, poolclass=NullPool, connect_args=connect, isolation_level="READ COMMITTED")
    shown = url_shown(parsed)
    with explained_of_server(shown), engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{WITHIN}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        yield connection, shown


def _has_taken(url: str, job: Job) -> bool:
    """Whether the transaction of `job` is committed. Raises StoreUnavailableError."""
    if not job.was:
        return False
    with _connected(url) as (connection, shown):
        try:
            said = connection.execute(text("SELECT txid_status(:id)"), {"id": job.was[0]}).scalar()
        except DataError:  # a number that this server has not come to: another server
            return False
    if said == "in progress":
        raise StoreUnavailableError(
            f"the store {shown} is still being restored", hint="try again in a moment"
        )
    return bool(said == "committed")


def _different(new: Path, present: Path) -> list[Table]:
    with closing(pysqlite3.connect(str(new), isolation_level=None)) as raw:
        raw.execute("ATTACH ? AS other", (str(present),))
        return [
            table
            for table in tables.metadata.sorted_tables
            if table.name not in BOOKKEEPING and _differs(raw, table.name, columns_of(table))
        ]


def _differs(raw: Any, name: str, columns: Sequence[str]) -> bool:
    wanted = ", ".join(f'"{each}"' for each in columns)
    now, other = (f'SELECT {wanted} FROM {each}."{name}"' for each in ("main", "other"))
    return any(
        raw.execute(f"SELECT 1 FROM ({one} EXCEPT {two}) LIMIT 1").fetchone()
        for one, two in ((now, other), (other, now))
    )


def _with_those_that_refer(wanted: Sequence[Table]) -> list[Table]:
    """To empty a table, those that refer to it have to be emptied first."""
    found = set(wanted)
    ordered = tables.metadata.sorted_tables
    for table in ordered:
        if any(each.column.table in found for each in table.foreign_keys):
            found.add(table)
    return [each for each in ordered if each in found]


@contextmanager
def _refused(name: str) -> Iterator[None]:
    """SQLite keeps what a server may not: texts that are too long, or have a NUL in them."""
    try:
        yield
    except (DataError, IntegrityError, ValueError, TypeError) as exc:
        said = str(exc.orig if isinstance(exc, DBAPIError) else exc).splitlines()[0]
        raise StoreUnavailableError(
            f"the server does not take a row of {name}: {' '.join(said.split())}",
            hint="restore without that kind, or to a SQLite store; the store is as it was",
        ) from exc

"""A connection to the store: readers who cannot write, and one writer at a time.

SQLite through `pysqlite3` (docs/decisions/0003) or PostgreSQL through psycopg, by URL.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import pysqlite3
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    PoolProxiedConnection,
    QueuePool,
    create_engine,
    event,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from db import tables
from db.errors import StoreUnavailableError
from db.exchange import writing
from db.journal import capture
from db.journal.format import Place
from db.journal.writer import Journal

log = logging.getLogger(__name__)
T = TypeVar("T")

OLDEST_SQLITE = (3, 51, 3)
"""Older ones can corrupt a WAL when two processes write (sqlite.org, WAL-reset bug, 3.7.0 … 3.51.2)."""

WRITE_WITHIN = 30.0
"""Seconds a writer waits for the others before it gives up."""

_PRAGMAS = (
    "busy_timeout=5000",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cell_size_check=ON",
    "mmap_size=0",
    "secure_delete=ON",
    "trusted_schema=OFF",
    "journal_size_limit=67108864",
    "wal_autocheckpoint=1000",
)
_SECRET_KEYS = ("password", "sslpassword")
_OUR_MISTAKES = (IntegrityError, ProgrammingError, DataError)
_TRY_AGAIN = ("40001", "40P01")
"""PostgreSQL: serialization failure, deadlock detected."""


def parse_url(text: str) -> URL:
    """A store URL with its driver. Raises StoreUnavailableError when it is none of ours."""
    right = "sqlite:///path/to/callisto.db or postgresql://user:password@host/database"
    try:
        url = make_url(text)
    except ArgumentError as exc:
        raise StoreUnavailableError("the store URL cannot be read", hint=f"right is {right}") from exc
    backend = url.drivername.partition("+")[0]
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite")
    if backend in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    problem = f"a store cannot be kept in {url_shown(url)}"
    raise StoreUnavailableError(problem, hint=f"right is {right}")


def url_shown(url: URL) -> str:
    """The URL without its secrets."""
    hidden = {key: "hidden" for key in _SECRET_KEYS if key in url.query}
    return url.update_query_dict(hidden).set(
        drivername=url.drivername.partition("+")[0]
    ).render_as_string(hide_password=True)  # fmt: skip


def sqlite_path(url: URL) -> Path | None:
    """The file of a SQLite store, None for a server."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


class Database:
    """Runs functions in transactions. Thread-safe; every failure of the store is a StoreUnavailableError.

    A file that has been put in the place of the store's is noticed at the next transaction
    (docs/decisions/0013): it is opened, and `check`ed as the first one was.
    """

    def __init__(
        self, url: URL, check: Callable[[Connection], object] | None = None, journal: Path | None = None
    ) -> None:
        """`check`: done first with every file; what it raises is raised by whatever was wanted of the
        store. `journal`: the folder of a SQLite store's journal; without it what is written is not
        journalled, which is for a store that nobody uses yet."""
        self.url = url
        self.shown = url_shown(url)
        self._path = sqlite_path(url)
        self._check = check
        self._unchecked = check is not None
        self._file: tuple[int, int] | None = None
        self._following = threading.Lock()  # guards `_file` and `_unchecked`
        self.journal = Journal(journal) if journal and sqlite_path(url) is not None else None
        self._writing = threading.Lock()
        self._glances: PoolProxiedConnection | None = None
        self._glances_at: tuple[int, int] | None = None
        if sqlite_path(url) is None:
            self._reader, self._writer = _postgresql_engines(url)
        else:
            check_sqlite(pysqlite3.sqlite_version_info)
            self._reader, self._writer = _sqlite_engines(url, journalled=self.journal is not None)

    def read(self, ask: Callable[[Connection], T]) -> T:
        """What `ask` returns; all it reads is of one moment."""
        with explained(self.shown):
            self._follow_file()
            with self._reader.connect() as connection, connection.begin():
                self._check_first(connection)
                return ask(connection)

    def change(self, do: Callable[[Connection], T]) -> T:
        """Run `do` as the only writer, raise the revision and commit, all or nothing.

        For everything a process of ours reads: it is told of the change by the revision alone.
        `do` may run again when the database asks for it.
        """

        def and_tell(connection: Connection) -> T:
            result = do(connection)
            connection.execute(update(tables.revision).values(number=tables.revision.c.number + 1))
            return result

        return self.record(and_tell)

    def record(self, do: Callable[[Connection], T]) -> T:
        """Run `do` as the only writer and commit; the revision stays.

        For what only people read later (calls, audit trail, job runs): raised for each call, the revision
        would make every process read everything again for each call.
        """
        deadline = time.monotonic() + WRITE_WITHIN
        with explained(self.shown), self.alone():
            self._follow_file()
            while True:
                try:
                    with self._writer.begin() as connection:
                        self._check_first(connection)
                        return self._journalled(connection, do)
                except DBAPIError as exc:
                    if not _worth_another_try(exc) or time.monotonic() > deadline:
                        raise
                time.sleep(random.uniform(0.005, 0.05))

    def rotate(self) -> Place | None:
        """Begin a new generation of the journal; where the store is then. None without a journal."""
        journal = self.journal
        if journal is None:
            return None
        with explained(self.shown), self.alone():
            self._follow_file()
            with self._writer.begin() as connection:
                self._check_first(connection)
                return journal.rotate(connection.connection.dbapi_connection)

    def _journalled(self, connection: Connection, do: Callable[[Connection], T]) -> T:
        """As the last step before the commit, which must not come before the journal has the change."""
        if connection.dialect.name != "sqlite":
            # What BEGIN IMMEDIATE is on SQLite.
            connection.execute(select(tables.revision.c.number).with_for_update())
        result = do(connection)
        if self.journal is not None:
            self.journal.keep(connection.connection.dbapi_connection)
        return result

    def version(self) -> int | None:
        """Another number after each commit of anybody else's connection, at a tenth of what a transaction
        costs: PRAGMA data_version, on a connection that never writes. None where there is no such thing, or
        it cannot be had just now. Call it from one thread at a time."""
        if self._writer.dialect.name != "sqlite":
            return None
        try:
            self._follow_file()
            if self._glances is not None and self._glances_at != self._file:
                self._glances.close()
                self._glances = None
                return None
            if self._glances is None:
                self._glances_at = self._file
                self._glances = self._reader.raw_connection()
                self._glances.detach()
            cursor = self._glances.cursor()
            cursor.execute("PRAGMA data_version")
            return int(cursor.fetchone()[0])  # type: ignore[index]
        except (pysqlite3.Error, DBAPIError, PoolTimeoutError, StoreUnavailableError):
            return None

    def close(self) -> None:
        if self._glances is not None:
            self._glances.close()
        self._reader.dispose()
        self._writer.dispose()
        if self.journal is not None:
            with self.alone():
                self.journal.close()

    def _follow_file(self) -> None:
        """Give up the connections to a file that is the store's no more. SQLite leaves alone what lies beside
        a file that has moved (`databaseIsUnmoved`, pager.c), so closing them late harms nothing."""
        if self._path is None:
            return
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            raise StoreUnavailableError(
                f"the store {self.shown} is not there any more", hint="put a copy of it back"
            ) from None
        except OSError:
            return  # SQLite says what is wrong
        file = stat.st_dev, stat.st_ino
        if file == self._file:
            return
        with self._following:
            if self._file not in (None, file):
                log.info("the store %s is another file now", self.shown)
                self._unchecked = self._check is not None
                self._reader.dispose()
                self._writer.dispose()
            self._file = file

    def _check_first(self, connection: Connection) -> None:
        if self._unchecked and self._check is not None:
            self._check(connection)
            self._unchecked = False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other thread writes through this meanwhile. Threads queue here: SQLite's own waiting is by
        sleeping, and may starve one of them."""
        if not self._writing.acquire(timeout=WRITE_WITHIN):
            raise StoreUnavailableError("the store is busy", hint="try again in a moment")
        try:
            with writing(self._path) if self._path else nullcontext():
                yield
        finally:
            self._writing.release()


def raw_connection(path: Path) -> Any:
    """A connection of the driver's to a SQLite store, set up as a writer's, outside of transactions. For what
    no transaction can do; raises pysqlite3.Error."""
    connection = pysqlite3.connect(str(path), isolation_level=None)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


@contextmanager
def explained(shown: str) -> Iterator[None]:
    """What the database says, as a StoreUnavailableError; our own mistakes pass as they are."""
    try:
        yield
    except DBAPIError as exc:
        if isinstance(exc, _OUR_MISTAKES) and "permission denied" not in str(exc.orig):
            raise
        problem, hint = _explanation(str(exc.orig))
        raise StoreUnavailableError(f"the store {shown} {problem}", hint=hint) from exc
    except PoolTimeoutError as exc:
        problem = f"the store {shown} does not answer in time"
        raise StoreUnavailableError(problem, hint="try again in a moment") from exc


def check_sqlite(version: tuple[int, ...]) -> None:
    """Raises StoreUnavailableError for a SQLite that several processes must not write through."""
    if version < OLDEST_SQLITE:
        found, right = (".".join(map(str, each)) for each in (version, OLDEST_SQLITE))
        raise StoreUnavailableError(
            f"SQLite {found} can damage a store that several processes write",
            hint=f"install a pysqlite3 with SQLite {right} or newer",
        )


def _sqlite_engines(url: URL, *, journalled: bool) -> tuple[Engine, Engine]:
    reader = _sqlite_engine(url, pool_size=8, begin="BEGIN", pragmas=(*_PRAGMAS, "query_only=ON"))
    pragmas = (*_PRAGMAS, *capture.PRAGMAS) if journalled else _PRAGMAS
    writer = _sqlite_engine(url, pool_size=1, begin="BEGIN IMMEDIATE", pragmas=pragmas)
    if journalled:
        event.listen(writer, "connect", lambda connection, _record: capture.watch(connection))
    return reader, writer


def _sqlite_engine(url: URL, *, pool_size: int, begin: str, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine(
        url, module=pysqlite3, poolclass=QueuePool, pool_size=pool_size, max_overflow=0,
        pool_timeout=WRITE_WITHIN, connect_args={"check_same_thread": False},
    )  # fmt: skip

    # The driver must not begin transactions by itself: it would begin them deferred, and a deferred
    # transaction that turns to writing gets SQLITE_BUSY_SNAPSHOT, which no timeout waits for.
    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _postgresql_engines(url: URL) -> tuple[Engine, Engine]:
    common: dict[str, Any] = {"pool_pre_ping": True, "pool_timeout": WRITE_WITHIN, "max_overflow": 0}
    connect = {"connect_timeout": 5, "application_name": "callisto"}
    reader = create_engine(
        url, pool_size=8, connect_args=connect, isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True}, **common,
    )  # fmt: skip
    writer = create_engine(
        url, pool_size=1, connect_args=connect, isolation_level="READ COMMITTED", **common
    )  # fmt: skip
    for engine in (reader, writer):
        event.listen(engine, "connect", _limit_waiting)
    return reader, writer


def _limit_waiting(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{WRITE_WITHIN:.0f}s'")
    connection.commit()


def _worth_another_try(exc: DBAPIError) -> bool:
    return getattr(exc.orig, "sqlstate", None) in _TRY_AGAIN or "database is locked" in str(exc.orig)


def _explanation(said: str) -> tuple[str, str]:
    """What a database's message means, and what to do."""
    for words, meaning, hint in _MEANINGS:
        if any(word in said for word in words):
            return meaning, hint
    return f"cannot be used: {' '.join(said.split())}", "see the message; nothing has been changed"


_MEANINGS = (
    (("database is locked", "lock timeout"), "is busy: another process keeps it locked",
     "try again; if it stays, look for a program that has the store open"),
    (("malformed", "not a database", "disk I/O"), "is damaged",
     "Repair Database puts it right: repair start in the shell, or callisto repair"),
    (("password authentication", "no password supplied"), "refuses the user or the password",
     "check store_url (CALLISTO_STORE_URL)"),
    (("does not exist",), "is not there", "create the database, or check store_url (CALLISTO_STORE_URL)"),
    (("connection", "Connection", "could not translate", "timeout expired"), "cannot be reached",
     "is the database server running, and is store_url (CALLISTO_STORE_URL) right?"),
    (("unable to open", "No such file"), "cannot be opened",
     "the folder must exist and belong to the user who runs the appliance"),
    (("readonly", "read-only", "permission denied"), "cannot be written",
     "give the user who runs the appliance the right to write"),
    (("disk is full", "No space left"), "has no room left on its disk",
     "make room; nothing has been changed"),
)  # fmt: skip

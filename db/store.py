"""The store, as the other rooms see it. Synchronous and thread-safe; times are aware, UTC."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, select

from db import compact, soundness, tables
from db.compacted import Compacted, Keep, Old
from db.engine import Database, parse_url, sqlite_path, url_shown
from db.errors import StoreError, StoreUnavailableError
from db.journal.format import Place
from db.prepare import prepare
from db.schema import MIGRATIONS, head, must_be_current
from db.soundness import Soundness
from db.stores.accounts import Accounts
from db.stores.audit import AuditTrail
from db.stores.backup_targets import BackupTargets
from db.stores.calls import Calls
from db.stores.jobs import JobRuns
from db.stores.office import Offices
from db.stores.office_read import read as read_office
from db.stores.routing import routing_table
from db.stores.values import values
from db.stores.variables import Machine, Variables
from router.model import RoutingTable

__all__ = ["Store", "prepare"]

ASKED_EVERY = 5.0


class Store:
    """One store. Every method may raise StoreUnavailableError; the store may come back."""

    def __init__(self, database: Database, machine: Machine, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._machine = machine
        self._clock = clock
        self.schema = head(MIGRATIONS)
        self.url_shown = database.shown
        self.variables = Variables(database, machine, clock)
        self.accounts = Accounts(database, clock)
        self.office = Offices(database, machine, clock)
        self.calls = Calls(database, clock)
        self.jobs = JobRuns(database)
        self.audit = AuditTrail(database, clock)
        self.targets = BackupTargets(database, clock)
        self._asking = threading.Lock()  # guards what follows
        self._version: int | None = None
        self._revision = 0
        self._ask_at = 0.0

    @classmethod
    def open(
        cls,
        url: str,
        edition: str = "ucm",
        *,
        journal: Path | None = None,
        ram_mb: int | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        at_once: bool = True,
    ) -> Self:
        """A store that has been prepared. `ram_mb`: of this machine unless given. `at_once`: unless it is so,
        a store that cannot be had is no reason to raise: it is opened when something is wanted of it.

        `journal`: the folder of a SQLite store's journal, the same for everybody who opens the store; None:
        there is none.

        Raises StoreUnavailableError, StoreTooOldError, StoreNewerError.
        """
        address = parse_url(url)
        path = sqlite_path(address)
        # SQLite would make an empty file.
        if at_once and path is not None and not path.is_file():
            raise StoreUnavailableError(
                f"there is no store {path}",
                hint="start the appliance once: it makes the store; or check store_url (CALLISTO_STORE_URL)",
            )
        shown = url_shown(address)
        database = Database(address, lambda connection: must_be_current(connection, shown), journal)
        store = cls(database, Machine(edition, ram_mb or _ram_mb()), clock)
        try:
            database.read(lambda _: None)
        except StoreError:
            if at_once:
                store.close()
                raise
        except BaseException:
            store.close()
            raise
        return store

    def revision(self) -> int:
        """Goes up with every commit that changes what a process reads. Cheap: the store itself is asked when
        something has been committed, and every `ASKED_EVERY` seconds, which finds a store that is lost."""
        with self._asking:
            now, version = time.monotonic(), self._database.version()  # before the answer: it may be older
            if version is None or version != self._version or now >= self._ask_at:
                self._version = None
                self._revision = self._database.read(_revision)
                self._version, self._ask_at = version, now + ASKED_EVERY
            return self._revision

    def soundness(self, within_s: float) -> Soundness:
        """Look the store through; nothing is changed, and others go on. Raises NotInTimeError."""
        return soundness.look(self._database, within_s)

    def journal_place(self) -> Place:
        """Where the store is in its journal."""
        return self._database.read(_journal_place)

    def size_bytes(self) -> int:
        """Of a SQLite store with its log, without asking it; 0 where only a server knows."""
        return soundness.size_of_files(self._database)

    def old_rows(self, keep: Keep) -> tuple[Old, ...]:
        """What `compact` would delete."""
        return compact.old_rows(self._database, keep, self._clock())

    def compact(self, keep: Keep, tell: Callable[[str], None] = lambda _: None) -> Compacted:
        """Delete old rows and make the store small; others read and write on. `tell`: what is being done.

        Raises RefusedError, and nothing has been changed; StoreUnavailableError."""
        return compact.compact(self._database, keep, self._clock(), tell)

    def routing_table(self, announcements: str = "") -> RoutingTable:
        """What calls are routed by, of one moment, without peers and addresses of hosts.

        `announcements`: the folder of the WAV files that the groups name.
        """

        def ask(connection: Connection) -> RoutingTable:
            settings = values(connection, self._machine.edition)
            return routing_table(read_office(connection), settings, _revision(connection), announcements)

        return self._database.read(ask)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _journal_place(connection: Connection) -> Place:
    row = connection.execute(select(tables.journal)).one()
    return Place(row.generation, row.seq, row.crc, row.end)


def _revision(connection: Connection) -> int:
    return int(connection.execute(select(tables.revision.c.number)).scalar_one())


def _ram_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024)

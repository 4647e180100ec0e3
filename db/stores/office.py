"""An office in and out of the tables, whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select

from db import tables
from db.engine import Database
from db.errors import RefusedError
from db.office import ADMINISTRATOR, Office, Summary, User, summary
from db.stores import audit
from db.stores.accounts import administrators
from db.stores.office_read import read
from db.stores.office_write import write
from db.stores.values import put
from db.stores.variables import Machine
from db.variables.catalogue import CATALOGUE, find
from db.variables.states import Actor


class Offices:
    """The office, read and replaced as a whole; each change is one commit and raises the revision."""

    def __init__(self, database: Database, machine: Machine, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._machine = machine
        self._clock = clock

    def read(self) -> Office:
        """The office of this moment, with its password hashes."""
        return self._database.read(read)

    def load(self, text: str) -> Office:
        """The office in a file's text, checked for this machine and this store. Raises OfficeError."""
        from db import transfer  # YAML, 1.3 MB, is for whoever has a file

        machine = self._machine
        return transfer.load(text, edition=machine.edition, ram_mb=machine.ram_mb, present=self.read())

    def load_file(self, path: Path) -> Office:
        """As `load`. Raises StoreError for a file that cannot be read."""
        from db import transfer

        machine = self._machine
        return transfer.load_file(path, edition=machine.edition, ram_mb=machine.ram_mb, present=self.read())

    def numbers(self, limit: int = 200) -> list[tuple[str, str]]:
        """Manager numbers with the names of their groups, in order."""
        groups = tables.groups.c
        query = select(groups.manager_number, groups.name).where(groups.manager_number != "")
        query = query.order_by(groups.manager_number).limit(limit)
        return self._database.read(
            lambda connection: [(row.manager_number, row.name) for row in connection.execute(query)]
        )

    def write(self, office: Office, actor: Actor) -> Summary:
        """Replace the office: who is not in `office` is gone, a variable that is not there has its default.

        A user without a hash (None) keeps the password he has. One commit. `office` has passed
        `db.transfer`'s checks. Raises RefusedError if nobody could administrate any more.
        """
        before = self._database.read(read)
        if _settled(office, before) == before:
            return Summary()
        return self._database.change(lambda connection: self._replace(connection, office, actor))

    def _replace(self, connection: Connection, office: Office, actor: Actor) -> Summary:
        before = read(connection)
        after = _settled(office, before)
        if administrators(connection) and not _administrators(after):
            raise RefusedError(
                "the import would leave nobody who can log in as administrator",
                hint=f"give a user of the file who has a password the role {ADMINISTRATOR}",
            )
        write(connection, before, after, self._clock())
        for variable in CATALOGUE:
            value = after.variables.get(variable.name)
            if value != before.variables.get(variable.name):
                edition = self._machine.edition
                put(connection, variable, value, actor=actor, at=self._clock(), edition=edition)
        done = summary(before, after)
        audit.write(connection, self._clock(), actor, "office imported", done.words())
        return done


def _settled(office: Office, before: Office) -> Office:
    """In order, and nobody's password left open."""
    known = {user.user: user.password_hash for user in before.users}
    users = tuple(
        replace(user, password_hash=known.get(user.user, "")) if user.password_hash is None else user
        for user in office.users
    )
    variables = {find(name).name: value for name, value in office.variables.items()}
    return replace(office, users=users, variables=variables).in_order()


def _administrators(office: Office) -> tuple[User, ...]:
    return tuple(user for user in office.users if user.password_hash and ADMINISTRATOR in user.roles)

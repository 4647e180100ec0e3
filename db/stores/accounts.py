"""Who may log in, and as what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select, update

from db import passwords, tables
from db.engine import Database
from db.errors import LastAdministratorError, UnknownUserError, UserExistsError, UserNameRefusedError
from db.office import ADMINISTRATOR, FIRST_ADMINISTRATOR, SUPPORT, USER_NAME
from db.stores import audit
from db.text import kept as kept_text
from db.variables.states import Actor


@dataclass(frozen=True, slots=True)
class Account:
    user: str
    name: str
    roles: frozenset[str]


class Accounts:
    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def verify(self, user: str, password: str) -> Account | None:
        """The account, if it is this user's password. As slow for a user who does not exist."""
        name = kept_text(user.strip().lower(), 64)
        found = self._database.read(lambda connection: _accounts(connection, name))
        account, kept = found[0] if found else (None, "")
        return account if passwords.matches(kept, password) else None

    def standing(self, user: str) -> tuple[Account, str] | None:
        """The account and a stamp of its password, which tells nothing of it and is another one after each
        change; None when there is no such user."""
        name = kept_text(user.strip().lower(), 64)
        found = self._database.read(lambda connection: _accounts(connection, name))
        return (found[0][0], sha256(found[0][1].encode()).hexdigest()[:16]) if found else None

    def set_password(self, user: str, password: str, actor: Actor) -> None:
        """Raises UnknownUserError, PasswordRefusedError."""
        kept = passwords.hashed(password)

        def do(connection: Connection) -> None:
            _keep(connection, user, kept)
            audit.write(connection, self._clock(), actor, "password set", f"for {user}")

        self._database.change(do)

    def add(self, user: str, name: str, role: str, password: str, actor: Actor) -> None:
        """Somebody who may log in as `role` (administrator or support) and is reached at no phone.

        Raises UserNameRefusedError, UserExistsError, PasswordRefusedError.
        """
        if not USER_NAME.fullmatch(user):
            right = "small letters, digits, '.', '_' and '-', at most 64, such as mia.meier"
            raise UserNameRefusedError(f"{user[:64]!r} is no user name", hint=f"right is: {right}")
        kept = passwords.hashed(password)

        def do(connection: Connection) -> None:
            if _accounts(connection, user):
                hint = f"give that user the role: callisto user role {user} {role}"
                raise UserExistsError(f"there is a user {user} already", hint=hint)
            self._insert(connection, user, kept_text(name, 100))
            _keep(connection, user, kept)
            connection.execute(insert(tables.user_role).values(user=user, role=role))
            audit.write(connection, self._clock(), actor, "user added", f"{user}, {role}")

        self._database.change(do)

    def set_role(self, user: str, role: str | None, actor: Actor) -> None:
        """As what that user may log in: administrator, support, or not at all (None). What he is in the
        office stays. Raises UnknownUserError, LastAdministratorError."""

        def do(connection: Connection) -> None:
            if not _accounts(connection, user):
                raise UnknownUserError(user)
            if role != ADMINISTRATOR and administrators(connection) == {user}:
                hint = "make somebody else an administrator with a password first"
                raise LastAdministratorError(f"{user} is the only administrator who can log in", hint=hint)
            of = tables.user_role
            entrances = of.c.role.in_((ADMINISTRATOR, SUPPORT))
            connection.execute(delete(of).where(of.c.user == user, entrances))
            if role is not None:
                connection.execute(insert(of).values(user=user, role=role))
            audit.write(connection, self._clock(), actor, "role set", f"{user}: {role or 'no login'}")

        self._database.change(do)

    def all(self) -> tuple[Account, ...]:
        """By user name."""
        return tuple(account for account, _ in self._database.read(_accounts))

    def with_hashes(self) -> tuple[tuple[Account, str], ...]:
        """As `all`, with the hashes of their passwords, which are nobody's but `db.known_admins`'."""
        return tuple(self._database.read(_accounts))

    def ensure_admin(self, password: str) -> bool:
        """Make sure that an administrator can log in: without one, `admin` becomes one, with this password.

        True if that was necessary. Raises PasswordRefusedError.
        """
        if self._database.read(administrators):
            return False
        kept = passwords.hashed(password)
        return self._database.change(lambda connection: self._make_admin(connection, kept))

    def _make_admin(self, connection: Connection, kept: str) -> bool:
        if administrators(connection):
            return False
        user = FIRST_ADMINISTRATOR
        if connection.scalar(select(tables.users.c.user).where(tables.users.c.user == user)) is None:
            self._insert(connection, user, "Administrator")
        _keep(connection, user, kept)
        role = tables.user_role
        connection.execute(delete(role).where(role.c.user == user, role.c.role == ADMINISTRATOR))
        connection.execute(insert(role).values(user=user, role=ADMINISTRATOR))
        actor = Actor("system", "", "system")
        audit.write(connection, self._clock(), actor, "administrator made", f"{user}, on the first start")
        return True

    def _insert(self, connection: Connection, user: str, name: str) -> None:
        now = self._clock()
        row = {"user": user, "name": name, "address": "", "number": "", "password_hash": ""}
        connection.execute(insert(tables.users).values({**row, "created_at": now}))
        present = {"user": user, "state": "available", "message": "", "since": now}
        connection.execute(insert(tables.presence).values(present))


def administrators(connection: Connection) -> frozenset[str]:
    """Who can log in and do everything."""
    return frozenset(
        account.user for account, kept in _accounts(connection) if kept and ADMINISTRATOR in account.roles
    )


def _accounts(connection: Connection, user: str | None = None) -> list[tuple[Account, str]]:
    """Accounts with their password hashes, by user name; all, or the one of `user`."""
    query = select(tables.users).order_by(tables.users.c.user)
    role = select(tables.user_role)
    if user is not None:
        query = query.where(tables.users.c.user == user)
        role = role.where(tables.user_role.c.user == user)
    roles: dict[str, set[str]] = {}
    for row in connection.execute(role):
        roles.setdefault(row.user, set()).add(row.role)
    return [
        (Account(row.user, row.name, frozenset(roles.get(row.user, ()))), row.password_hash)
        for row in connection.execute(query)
    ]


def _keep(connection: Connection, user: str, password_hash: str) -> None:
    users = tables.users
    done = connection.execute(
        update(users).where(users.c.user == user).values(password_hash=password_hash)
    )  # fmt: skip
    if not done.rowcount:
        raise UnknownUserError(user)

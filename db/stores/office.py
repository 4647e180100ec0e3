"""An office in and out of the tables, whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Table, delete, insert, select, update

from db import tables, transfer
from db.engine import Database
from db.errors import RefusedError
from db.office import ADMINISTRATOR, Office, Summary, Team, User, summary
from db.stores import audit
from db.stores.accounts import administrators
from db.stores.variables import Machine, put
from db.variables.catalogue import CATALOGUE, find
from db.variables.states import Actor
from router.model import (
    Contact,
    Forward,
    ForwardKind,
    Overflow,
    OverflowKind,
    Presence,
    ShowVip,
    Strategy,
    VipEntry,
    VipRouting,
)


class Offices:
    def __init__(self, database: Database, machine: Machine, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._machine = machine
        self._clock = clock

    def read(self) -> Office:
        """The office of this moment, with its password hashes."""
        return self._database.read(read)

    def load(self, text: str) -> Office:
        """The office in a file's text, checked for this machine and this store. Raises OfficeError."""
        machine = self._machine
        return transfer.load(text, edition=machine.edition, ram_mb=machine.ram_mb, present=self.read())

    def load_file(self, path: Path) -> Office:
        """As `load`. Raises StoreError for a file that cannot be read."""
        machine = self._machine
        return transfer.load_file(path, edition=machine.edition, ram_mb=machine.ram_mb, present=self.read())

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
        _write_users(connection, before, after, self._clock())
        _write_groups(connection, before, after)
        if before.contacts != after.contacts:
            _write_contacts(connection, after.contacts)
        for variable in CATALOGUE:
            value = after.variables.get(variable.name)
            if value != before.variables.get(variable.name):
                edition = self._machine.edition
                put(connection, variable, value, actor=actor, at=self._clock(), edition=edition)
        done = summary(before, after)
        audit.write(connection, self._clock(), actor, "office imported", done.words())
        return done


def read(connection: Connection) -> Office:
    """The whole office, in order."""
    return Office(
        users=_users(connection),
        groups=_groups(connection),
        contacts=_contacts(connection),
        variables={row.name: row.value for row in connection.execute(select(tables.variable))},
    ).in_order()


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


def _users(connection: Connection) -> tuple[User, ...]:
    roles: dict[str, set[str]] = {}
    for row in connection.execute(select(tables.user_role)):
        roles.setdefault(row.user, set()).add(row.role)
    forwards: dict[str, list[Forward]] = {}
    for row in connection.execute(select(tables.forwarding)):
        forwards.setdefault(row.user, []).append(Forward(ForwardKind(row.kind), row.target))
    query = select(tables.users, tables.presence.c.state, tables.presence.c.message).join(tables.presence)
    return tuple(
        User(
            user=row.user,
            name=row.name,
            address=row.address,
            number=row.number,
            roles=frozenset(roles.get(row.user, ())),
            presence=Presence(row.state),
            message=row.message,
            forwards=tuple(forwards.get(row.user, ())),
            password_hash=row.password_hash,
        )
        for row in connection.execute(query)
    )


def _groups(connection: Connection) -> tuple[Team, ...]:
    managers: dict[int, str] = {}
    members: dict[int, list[str]] = {}
    for row in connection.execute(select(tables.member).order_by(tables.member.c.position)):
        if row.is_manager:
            managers[row.group_id] = row.user
        else:
            members.setdefault(row.group_id, []).append(row.user)
    entries: dict[int, list[VipEntry]] = {}
    for row in connection.execute(select(tables.vip_entry).order_by(tables.vip_entry.c.position)):
        entries.setdefault(row.group_id, []).append(VipEntry(row.pattern, row.description, row.expires))
    return tuple(
        Team(
            name=row.name,
            manager_number=row.manager_number,
            manager=managers.get(row.id, ""),
            members=tuple(members.get(row.id, ())),
            announcement=row.announcement,
            ring_parallel=row.ring_parallel,
            manager_timeout=row.manager_timeout,
            assistant_timeout=row.assistant_timeout,
            overflow=Overflow(OverflowKind(row.overflow_kind), row.overflow_target),
            show_calls=row.show_calls,
            show_vip_calls=ShowVip(row.show_vip_calls),
            vip_routing=VipRouting(row.vip_routing),
            vip_threshold=row.vip_threshold,
            assistant_direct=row.assistant_direct,
            strategy=Strategy(row.strategy),
            vip=tuple(entries.get(row.id, ())),
        )
        for row in connection.execute(select(tables.groups))
    )


def _contacts(connection: Connection) -> tuple[Contact, ...]:
    numbers: dict[int, list[str]] = {}
    for row in connection.execute(select(tables.contact_number).order_by(tables.contact_number.c.position)):
        numbers.setdefault(row.contact_id, []).append(row.number)
    return tuple(
        Contact(row.name, tuple(numbers.get(row.id, ())), row.rank)
        for row in connection.execute(select(tables.contact))
    )


def _write_users(connection: Connection, before: Office, after: Office, at: datetime) -> None:
    users = tables.users
    old = {user.user: user for user in before.users}
    new = {user.user: user for user in after.users}
    for name in old.keys() - new.keys():
        connection.execute(delete(users).where(users.c.user == name))
    touched = [name for name in new if new[name] != old.get(name)]
    # Two people may swap their numbers, and at no moment may both have the same.
    connection.execute(update(users).where(users.c.user.in_(touched)).values(number=""))
    for name in touched:
        user = new[name]
        row = {
            "name": user.name,
            "address": user.address,
            "number": user.number,
            "password_hash": user.password_hash,
        }
        if name in old:
            connection.execute(update(users).where(users.c.user == name).values(row))
        else:
            connection.execute(insert(users).values({**row, "user": name, "created_at": at}))
        _write_details(connection, user, old.get(name), at)


def _write_details(connection: Connection, user: User, old: User | None, at: datetime) -> None:
    """Roles, presence and forwarding. A presence that stays the same keeps its age."""
    if old is None or (old.presence, old.message) != (user.presence, user.message):
        connection.execute(delete(tables.presence).where(tables.presence.c.user == user.user))
        row = {"user": user.user, "state": user.presence.value, "message": user.message, "since": at}
        connection.execute(insert(tables.presence).values(row))
    connection.execute(delete(tables.user_role).where(tables.user_role.c.user == user.user))
    _insert_all(connection, tables.user_role, [{"user": user.user, "role": role} for role in user.roles])
    connection.execute(delete(tables.forwarding).where(tables.forwarding.c.user == user.user))
    rows = [{"user": user.user, "kind": each.kind.value, "target": each.target} for each in user.forwards]
    _insert_all(connection, tables.forwarding, rows)


def _write_groups(connection: Connection, before: Office, after: Office) -> None:
    """A group that keeps its name keeps its id."""
    groups = tables.groups
    old = {team.name: team for team in before.groups}
    new = {team.name: team for team in after.groups}
    for name in old.keys() - new.keys():
        connection.execute(delete(groups).where(groups.c.name == name))
    touched = [name for name in new if new[name] != old.get(name)]
    connection.execute(update(groups).where(groups.c.name.in_(touched)).values(manager_number=""))
    for name in touched:
        row = _group_row(new[name])
        if name in old:
            found = select(groups.c.id).where(groups.c.name == name)
            group_id = connection.execute(found).scalar_one()
            connection.execute(update(groups).where(groups.c.id == group_id).values(row))
        else:
            group_id = connection.execute(insert(groups).values(row).returning(groups.c.id)).scalar_one()
        _write_members(connection, group_id, new[name])


def _group_row(team: Team) -> Mapping[str, object]:
    return {
        "name": team.name,
        "manager_number": team.manager_number,
        "announcement": team.announcement,
        "ring_parallel": team.ring_parallel,
        "manager_timeout": team.manager_timeout,
        "assistant_timeout": team.assistant_timeout,
        "overflow_kind": team.overflow.kind.value,
        "overflow_target": team.overflow.target,
        "show_calls": team.show_calls,
        "show_vip_calls": int(team.show_vip_calls),
        "vip_routing": int(team.vip_routing),
        "vip_threshold": team.vip_threshold,
        "assistant_direct": team.assistant_direct,
        "strategy": team.strategy.value,
    }


def _write_members(connection: Connection, group_id: int, team: Team) -> None:
    connection.execute(delete(tables.member).where(tables.member.c.group_id == group_id))
    manager = [(0, team.manager, True)] if team.manager else []
    members = [(position, user, False) for position, user in enumerate(team.members, start=1)]
    rows = [
        {"group_id": group_id, "user": user, "position": position, "is_manager": is_manager}
        for position, user, is_manager in (*manager, *members)
    ]
    _insert_all(connection, tables.member, rows)
    connection.execute(delete(tables.vip_entry).where(tables.vip_entry.c.group_id == group_id))
    entries = [
        {
            "group_id": group_id,
            "position": position,
            "pattern": entry.pattern,
            "description": entry.description,
            "expires": entry.expires,
        }
        for position, entry in enumerate(team.vip, start=1)
    ]
    _insert_all(connection, tables.vip_entry, entries)


def _write_contacts(connection: Connection, contacts: tuple[Contact, ...]) -> None:
    connection.execute(delete(tables.contact))
    for contact in contacts:
        kept = insert(tables.contact).values(name=contact.name, rank=contact.rank)
        contact_id = connection.execute(kept.returning(tables.contact.c.id)).scalar_one()
        rows = [
            {"contact_id": contact_id, "position": position, "number": number}
            for position, number in enumerate(contact.numbers, start=1)
        ]
        _insert_all(connection, tables.contact_number, rows)


def _insert_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        connection.execute(insert(table), [dict(row) for row in rows])

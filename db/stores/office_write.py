"""An office into its rows: what differs from the one that is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, bindparam, delete, insert, select, update

from db import tables
from db.office import Office, Team, User
from router.model import Contact


def write(connection: Connection, before: Office, after: Office, at: datetime) -> None:
    """Make the rows of `before` those of `after`, variables apart. `at`: now, for who is new."""
    _write_users(connection, before, after, at)
    _write_groups(connection, before, after)
    if before.contacts != after.contacts:
        _write_contacts(connection, after.contacts)


def _write_users(connection: Connection, before: Office, after: Office, at: datetime) -> None:
    users = tables.users
    old = {user.user: user for user in before.users}
    new = {user.user: user for user in after.users}
    _delete(connection, users.c.user, old.keys() - new.keys())
    added = [user for user in after.users if user.user not in old]
    changed = [user for user in after.users if user.user in old and user != old[user.user]]
    # Two people may swap their numbers, and at no moment may both have the same.
    _update(connection, users.c.user, [{"key": user.user, "number": ""} for user in changed])
    _update(connection, users.c.user, [{"key": user.user, **_user_row(user)} for user in changed])
    _insert(connection, users, [{"user": user.user, **_user_row(user), "created_at": at} for user in added])
    touched = [*added, *changed]
    for column in (tables.user_role.c.user, tables.forwarding.c.user):
        _delete(connection, column, (user.user for user in changed))
    roles = [{"user": user.user, "role": role} for user in touched for role in sorted(user.roles)]
    _insert(connection, tables.user_role, roles)
    forwards = [
        {"user": user.user, "kind": forward.kind.value, "target": forward.target}
        for user in touched
        for forward in user.forwards
    ]
    _insert(connection, tables.forwarding, forwards)
    _write_presence(connection, touched, old, at)


def _write_presence(
    connection: Connection, touched: Sequence[User], old: Mapping[str, User], at: datetime
) -> None:
    """A presence that stays the same keeps its age."""

    def stays(user: User) -> bool:
        was = old.get(user.user)
        return was is not None and (was.presence, was.message) == (user.presence, user.message)

    others = [user for user in touched if not stays(user)]
    _delete(connection, tables.presence.c.user, (user.user for user in others))
    rows = [
        {"user": user.user, "state": user.presence.value, "message": user.message, "since": at}
        for user in others
    ]
    _insert(connection, tables.presence, rows)


def _user_row(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "address": user.address,
        "number": user.number,
        "password_hash": user.password_hash,
    }


def _write_groups(connection: Connection, before: Office, after: Office) -> None:
    """A group that keeps its name keeps its id."""
    groups = tables.groups
    old = {team.name: team for team in before.groups}
    new = {team.name for team in after.groups}
    _delete(connection, groups.c.name, old.keys() - new)
    added = [team for team in after.groups if team.name not in old]
    changed = [team for team in after.groups if team.name in old and team != old[team.name]]
    _update(connection, groups.c.name, [{"key": team.name, "manager_number": ""} for team in changed])
    _update(connection, groups.c.name, [{"key": team.name, **_group_row(team)} for team in changed])
    _insert(connection, groups, [{"name": team.name, **_group_row(team)} for team in added])
    ids = {row.name: row.id for row in connection.execute(select(groups.c.id, groups.c.name))}
    for column in (tables.member.c.group_id, tables.vip_entry.c.group_id):
        _delete(connection, column, (ids[team.name] for team in changed))
    touched = [*added, *changed]
    _insert(connection, tables.member, [row for team in touched for row in _members(ids[team.name], team)])
    _insert(connection, tables.vip_entry, [row for team in touched for row in _entries(ids[team.name], team)])


def _group_row(team: Team) -> dict[str, object]:
    return {
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
        "need_registered": team.need_registered,
        "need_idle": team.need_idle,
        "need_unforwarded": team.need_unforwarded,
    }


def _members(group_id: int, team: Team) -> list[dict[str, object]]:
    manager = [(0, team.manager)] if team.manager else []
    return [
        {"group_id": group_id, "user": user, "position": position, "is_manager": position == 0}
        for position, user in (*manager, *enumerate(team.members, start=1))
    ]


def _entries(group_id: int, team: Team) -> list[dict[str, object]]:
    return [
        {
            "group_id": group_id,
            "position": position,
            "pattern": entry.pattern,
            "description": entry.description,
            "expires": entry.expires,
        }
        for position, entry in enumerate(team.vip, start=1)
    ]


def _write_contacts(connection: Connection, contacts: tuple[Contact, ...]) -> None:
    connection.execute(delete(tables.contact))
    if not contacts:
        return
    kept = insert(tables.contact).returning(tables.contact.c.id, sort_by_parameter_order=True)
    rows = [{"name": contact.name, "rank": contact.rank} for contact in contacts]
    ids = connection.execute(kept, rows).scalars().all()
    numbers = [
        {"contact_id": contact_id, "position": position, "number": number}
        for contact_id, contact in zip(ids, contacts, strict=True)
        for position, number in enumerate(contact.numbers, start=1)
    ]
    _insert(connection, tables.contact_number, numbers)


def _insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), list(rows))


def _update(connection: Connection, key: Column[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Each row where `key` is its `key`."""
    if rows:
        connection.execute(update(key.table).where(key == bindparam("key")), list(rows))


def _delete(connection: Connection, column: Column[Any], values: Iterable[object]) -> None:
    # A statement takes no more than 32 766 parameters on SQLite.
    rest = list(values)
    for start in range(0, len(rest), 1000):
        connection.execute(delete(column.table).where(column.in_(rest[start : start + 1000])))

"""The rows of the office as values."""

from __future__ import annotations

from sqlalchemy import Connection, select

from db import tables
from db.office import Office, Team, User
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


def read(connection: Connection) -> Office:
    """The whole office, in order."""
    return Office(
        users=_users(connection),
        groups=_groups(connection),
        contacts=_contacts(connection),
        variables={row.name: row.value for row in connection.execute(select(tables.variable))},
    ).in_order()


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
            need_registered=row.need_registered,
            need_idle=row.need_idle,
            need_unforwarded=row.need_unforwarded,
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

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
    for user, role in connection.execute(select(tables.user_role.c.user, tables.user_role.c.role)).all():
        roles.setdefault(user, set()).add(role)
    forwards: dict[str, list[Forward]] = {}
    for row in connection.execute(select(tables.forwarding)):
        forwards.setdefault(row.user, []).append(Forward(ForwardKind(row.kind), row.target))
    people, presence = tables.users.c, tables.presence.c
    # By position, and no column more: there may be a hundred thousand people. A repair may have saved one
    # without his presence.
    query = select(
        people.user, people.name, people.address, people.number, people.password_hash,
        presence.state, presence.message,
    ).join_from(tables.users, tables.presence, isouter=True)  # fmt: skip
    states = {state.value: state for state in Presence}
    return tuple(
        User(
            user,
            name,
            address,
            number,
            frozenset(roles.get(user, ())),
            states[state] if state else Presence.AVAILABLE,
            message or "",
            tuple(forwards.get(user, ())),
            password_hash,
        )
        for user, name, address, number, password_hash, state, message in connection.execute(query).all()
    )


def _groups(connection: Connection) -> tuple[Team, ...]:
    managers: dict[int, str] = {}
    members: dict[int, list[str]] = {}
    member, vip = tables.member.c, tables.vip_entry.c
    in_groups = select(member.group_id, member.user, member.is_manager).order_by(member.position)
    for group_id, user, is_manager in connection.execute(in_groups).all():
        if is_manager:
            managers[group_id] = user
        else:
            members.setdefault(group_id, []).append(user)
    entries: dict[int, list[VipEntry]] = {}
    listed = select(vip.group_id, vip.pattern, vip.description, vip.expires).order_by(vip.position)
    for group_id, pattern, description, expires in connection.execute(listed).all():
        entries.setdefault(group_id, []).append(VipEntry(pattern, description, expires))
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

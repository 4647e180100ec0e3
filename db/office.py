"""An office as it is carried from store to file and back: people, groups, contacts, variables. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter

from router.model import (
    Contact,
    Forward,
    ForwardKind,
    Overflow,
    Presence,
    ShowVip,
    Strategy,
    VipEntry,
    VipRouting,
)

FIRST_ADMINISTRATOR = "admin"
"""The user whom the first start makes."""
ADMINISTRATOR = "administrator"
SUPPORT = "support"
USER = "user"
ROLES = (ADMINISTRATOR, SUPPORT, USER)
"""May do everything; may log in and read, and change nothing; is a person of the office."""

USER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

START_AGAIN = Overflow()
"""At the end of the member list: from the start again, within the router's bounds."""


@dataclass(frozen=True, slots=True)
class User:
    """A person. `address`: a number reached through the trunk, or a SIP URI; empty without a phone.

    `password_hash`: argon2id; empty: cannot log in; None: keeps the password he has.
    """

    user: str
    name: str
    address: str = ""
    number: str = ""
    roles: frozenset[str] = frozenset({USER})
    presence: Presence = Presence.AVAILABLE
    message: str = ""
    forwards: tuple[Forward, ...] = ()
    password_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """A group by the names of its people. `members`: assistants in hunting order; times in seconds, 0 = off.

    `announcement`: the name of a WAV file. `need_…`: what an available assistant's phone has to be.
    """

    name: str
    manager_number: str = ""
    manager: str = ""
    members: tuple[str, ...] = ()
    announcement: str = ""
    ring_parallel: bool = False
    manager_timeout: int = 0
    assistant_timeout: int = 0
    overflow: Overflow = START_AGAIN
    show_calls: bool = True
    show_vip_calls: ShowVip = ShowVip.AS_OTHERS
    vip_routing: VipRouting = VipRouting.MANAGER_ONLY
    vip_threshold: int = 0
    assistant_direct: bool = False
    strategy: Strategy = Strategy.SEQUENTIAL
    vip: tuple[VipEntry, ...] = ()
    need_registered: bool = True
    need_idle: bool = True
    need_unforwarded: bool = True


@dataclass(frozen=True, slots=True)
class Office:
    """`variables`: those that are set, by name, in stored form. Two equal offices are the same office."""

    users: tuple[User, ...] = ()
    groups: tuple[Team, ...] = ()
    contacts: tuple[Contact, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def in_order(self) -> Office:
        """The same office in the one order that files and stores are compared in."""
        return Office(
            users=tuple(_in_order(user) for user in sorted(self.users, key=attrgetter("user"))),
            groups=tuple(sorted(self.groups, key=attrgetter("name"))),
            contacts=tuple(sorted(self.contacts, key=lambda each: (each.name, each.numbers, each.rank))),
            variables=dict(sorted(self.variables.items())),
        )


def _in_order(user: User) -> User:
    if len(user.forwards) < 2:
        return user
    kinds = list(ForwardKind)
    return replace(user, forwards=tuple(sorted(user.forwards, key=lambda each: kinds.index(each.kind))))


@dataclass(frozen=True, slots=True)
class Difference:
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def words(self, what: str) -> str:
        """`users: 3 added, 1 removed (anna)`; empty when there is none."""
        parts = [
            *((f"{len(self.added)} added",) if self.added else ()),
            *((f"{len(self.changed)} changed",) if self.changed else ()),
            *((f"{len(self.removed)} removed",) if self.removed else ()),
        ]
        return f"{what}: {', '.join(parts)}" if parts else ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What an import did."""

    users: Difference = Difference()
    groups: Difference = Difference()
    contacts: Difference = Difference()
    variables: Difference = Difference()

    def words(self) -> str:
        parts = (
            self.users.words("users"),
            self.groups.words("groups"),
            self.contacts.words("contacts"),
            self.variables.words("variables"),
        )
        return "; ".join(part for part in parts if part) or "nothing has changed"


def summary(before: Office, after: Office) -> Summary:
    """What makes `after` of `before`."""

    def difference(old: dict[str, object], new: dict[str, object]) -> Difference:
        return Difference(
            added=tuple(key for key in new if key not in old),
            changed=tuple(key for key in new if key in old and old[key] != new[key]),
            removed=tuple(key for key in old if key not in new),
        )

    return Summary(
        users=difference({u.user: u for u in before.users}, {u.user: u for u in after.users}),
        groups=difference({g.name: g for g in before.groups}, {g.name: g for g in after.groups}),
        contacts=difference(_contacts(before), _contacts(after)),
        variables=difference(dict(before.variables), dict(after.variables)),
    )


def _contacts(office: Office) -> dict[str, object]:
    """By name; a second one of the same name by name and place."""
    named: dict[str, object] = {}
    met: Counter[str] = Counter()
    for contact in office.contacts:
        met[contact.name] += 1
        place = met[contact.name]
        named[f"{contact.name} #{place}" if place > 1 else contact.name] = contact
    return named

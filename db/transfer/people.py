"""The users of an office file."""

from __future__ import annotations

import re
from collections.abc import Iterable

from db import passwords
from db.office import ROLES, USER, USER_NAME, Office, Team, User
from db.transfer.fields import Section, Value, nearest
from db.variables.values import brief, host_problem
from router import numbers
from router.model import Forward, ForwardKind, Presence

LONGEST_NUMBER = 32
PHONE = "a number such as 201 or +41441234567, or a SIP address such as sip:anna@192.0.2.7:5060"

_SIP = re.compile(
    r"sip:[A-Za-z0-9_.!~*'()&=+$,;?/%-]+@(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)"
    r"(:(?P<port>[0-9]{1,5}))?(;transport=(udp|tcp))?"
)
_BOX = re.compile(r"voicemail:[0-9*#]{1,32}")
_PRESENCE = {each.value: each for each in Presence}
_KINDS = {each.value: each for each in ForwardKind}


def read_users(users: Value | None) -> tuple[User, ...]:
    """Each under his name. What is unknown about groups is checked later (`check_forwards`)."""
    read: list[User] = []
    lines: dict[str, int] = {}
    for name, value in _entries(users):
        if not USER_NAME.fullmatch(name):
            value.wrong(f"{brief(name)} is no user name: small letters, digits, '.', '_' and '-', at most 64")
        user = _user(name, value.section())
        if user.number and user.number in lines:
            value.wrong(f"number {user.number} is taken already, in line {lines[user.number]}")
        lines[user.number] = value.line
        read.append(user)
    return tuple(read)


def check_forwards(
    value: Value | None,
    users: tuple[User, ...],
    groups: tuple[Team, ...],
    longest: int,
    present: Office | None,
) -> None:
    """What a forwarding needs of the rest: a manager for application forwarding, users, the longest number.

    One that is set in `present` already is not measured again: the router does when it forwards.
    """
    managers = {team.manager for team in groups}
    known = {user.user for user in users}
    kept = {(user.user, forward) for user in (present.users if present else ()) for forward in user.forwards}
    places = dict(_entries(value))
    for user in users:
        for forward in user.forwards:
            if forward.kind is ForwardKind.APPLICATION and user.user not in managers:
                places[user.user].wrong("application forwarding is for managers of a group only")
            wanted = forward.target.removeprefix("member:")
            if forward.target.startswith("member:") and wanted not in known:
                places[user.user].wrong(f"forwards to {unknown_user(wanted, known)}")
            if (user.user, forward) not in kept:
                problem = length_problem(forward.target, longest)
                if problem:
                    places[user.user].wrong(f"forwarding {forward.kind.value}: {problem}")


def length_problem(target: str, longest: int) -> str:
    """Against gMaxForwardNumberLen; empty for what is no number, or short enough."""
    digits = len(target.removeprefix("+"))
    if not numbers.is_number(target) or digits <= longest:
        return ""
    return f"{target} has {digits} digits; gMaxForwardNumberLen allows {longest}"


def unknown_user(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    return f"{brief(name)}, who is no user of this file" + (f"; did you mean {close}?" if close else "")


def number(value: Value | None) -> str:
    """A telephone number as it is compared; empty for none."""
    text = "" if value is None else value.text(64)
    normal = numbers.normalise(text)
    if value is not None and text and not (numbers.is_number(normal) and len(normal) <= LONGEST_NUMBER):
        value.wrong(f"{brief(text)} is no telephone number: digits, '*' and '#', at most {LONGEST_NUMBER}")
        return ""
    return normal


def is_voicemail(target: str) -> bool:
    return _BOX.fullmatch(target) is not None


def _user(name: str, section: Section) -> User:
    full_name = section.get("name", required=True)
    user = User(
        user=name,
        name=full_name.text(100) if full_name else "",
        address=_address(section.get("address")),
        number=number(section.get("number")),
        roles=_roles(section),
        presence=section.choice("presence", _PRESENCE, Presence.AVAILABLE),
        message=section.text("message", 200),
        forwards=_forwards(section),
        password_hash=_password_hash(section.get("password_hash")),
    )
    section.finish()
    return user


def _address(value: Value | None) -> str:
    text = "" if value is None else value.text(255).strip()
    if value is None or not text:
        return ""
    if numbers.is_number(numbers.clean(text)):
        return number(value)
    found = _SIP.fullmatch(text)
    if found is None or int(found["port"] or 5060) not in range(1, 65536):
        value.wrong(f"{brief(text)} is no phone; right is {PHONE}")
        return ""
    problem = host_problem(found["host"].strip("[]"))
    if problem:
        value.wrong(f"{brief(text)}: {found['host']} {problem}")
    return text


def _roles(section: Section) -> frozenset[str]:
    value = section.get("roles")
    if value is None:
        return frozenset({USER})
    return frozenset(each.choice({role: role for role in ROLES}, USER) for each in value.items())


def _forwards(section: Section) -> tuple[Forward, ...]:
    read: dict[ForwardKind, Forward] = {}
    for value in section.items("forwards"):
        fields = value.section()
        kind_value, target_value = fields.get("kind", required=True), fields.get("target", required=True)
        fields.finish()
        if kind_value is None or target_value is None:
            continue
        kind = kind_value.choice(_KINDS, ForwardKind.APPLICATION)
        if kind in read:
            value.wrong(f"{kind.value} is there twice")
        read[kind] = Forward(kind, _target(target_value, kind))
    return tuple(read.values())


def _target(value: Value, kind: ForwardKind) -> str:
    text = value.text(128)
    if is_voicemail(text):
        return text
    if kind is ForwardKind.APPLICATION and (text == "group" or text.startswith("member:")):
        return text
    normal = numbers.normalise(text)
    # How long it may be is gMaxForwardNumberLen's business.
    if not numbers.is_number(normal):
        also = ", group or member:<user>" if kind is ForwardKind.APPLICATION else ""
        value.wrong(f"{brief(text)} is no target; right is a number, voicemail:<box>{also}")
        return ""
    return normal


def _password_hash(value: Value | None) -> str | None:
    """None, if it is not there: the user keeps his password; empty: he cannot log in."""
    if value is None:
        return None
    text = value.text(255)
    problem = passwords.hash_problem(text) if text else ""
    if problem:
        value.wrong(f"this {problem}; leave the field out and set a password afterwards")
    return text


def _entries(value: Value | None) -> tuple[tuple[str, Value], ...]:
    return () if value is None else tuple(value.section().entries())

"""The groups of an office file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import yaml

from db.office import Office, Team, User
from db.transfer.fields import Section, Value
from db.transfer.people import is_voicemail, length_problem, number, unknown_user
from db.variables.values import brief
from router import numbers
from router.model import Overflow, OverflowKind, ShowVip, Strategy, VipEntry, VipRouting
from router.vip import PatternError, parse_pattern

LONGEST_TIMEOUT = 3600
MOST_RANK = 9

_STRATEGIES = {each.value: each for each in Strategy}
# The documents have numbers; people read words.
_SHOW_VIP = {word: each for each in ShowVip for word in (str(int(each)), each.name.lower())}
_VIP_ROUTING = {word: each for each in VipRouting for word in (str(int(each)), each.name.lower())}
_OVERFLOW = {
    "none": OverflowKind.NONE,
    "-1": OverflowKind.NONE,
    "busy": OverflowKind.BUSY,
    "-3": OverflowKind.BUSY,
}


def read_groups(
    groups: Value | None, users: tuple[User, ...], longest: int, present: Office | None
) -> tuple[Team, ...]:
    """Each under its name. `longest`: gMaxForwardNumberLen, for overflow to a number that is new."""
    people = {user.user: user for user in users}
    kept = {(team.name, team.overflow) for team in (present.groups if present else ())}
    read: list[Team] = []
    lines: dict[str, int] = {}
    for name, value in () if groups is None else groups.section().entries():
        if not 0 < len(name) <= 100:
            value.wrong("a group needs a name of 1 to 100 characters")
        team = _team(name, value.section(), people)
        if team.manager_number and team.manager_number in lines:
            first = lines[team.manager_number]
            value.wrong(f"manager number {team.manager_number} is taken already, in line {first}")
        lines[team.manager_number] = value.line
        problem = length_problem(team.overflow.target, longest)
        if problem and (team.name, team.overflow) not in kept:
            value.wrong(f"overflow: {problem}")
        read.append(team)
    return tuple(read)


def _team(name: str, section: Section, people: Mapping[str, User]) -> Team:
    manager = _manager(section.get("manager"), people)
    team = Team(
        name=name,
        manager_number=number(section.get("manager_number")),
        manager=manager,
        members=_members(section, manager, people),
        announcement=_announcement(section.get("announcement")),
        ring_parallel=section.flag("ring_parallel", default=False),
        manager_timeout=section.whole("manager_timeout", 0, LONGEST_TIMEOUT, 0),
        assistant_timeout=section.whole("assistant_timeout", 0, LONGEST_TIMEOUT, 0),
        overflow=_overflow(section.get("overflow")),
        show_calls=section.flag("show_calls", default=True),
        show_vip_calls=section.choice("show_vip_calls", _SHOW_VIP, ShowVip.AS_OTHERS),
        vip_routing=section.choice("vip_routing", _VIP_ROUTING, VipRouting.MANAGER_ONLY),
        vip_threshold=section.whole("vip_threshold", 0, MOST_RANK, 0),
        assistant_direct=section.flag("assistant_direct", default=False),
        strategy=section.choice("strategy", _STRATEGIES, Strategy.SEQUENTIAL),
        vip=tuple(_entry(value) for value in section.items("vip")),
        need_registered=section.flag("need_registered", default=True),
        need_idle=section.flag("need_idle", default=True),
        need_unforwarded=section.flag("need_unforwarded", default=True),
    )
    section.finish()
    return team


def _manager(value: Value | None, people: Mapping[str, User]) -> str:
    if value is None:
        return ""
    if isinstance(value.node, yaml.SequenceNode):
        value.wrong("a group has at most one manager; the others are members")
        return ""
    return _person(value, people)


def _members(section: Section, manager: str, people: Mapping[str, User]) -> tuple[str, ...]:
    read: list[str] = []
    for value in section.items("members"):
        user = _person(value, people)
        if user and user == manager:
            value.wrong(f"{user} is the manager of this group already")
        elif user and user in read:
            value.wrong(f"{user} is there twice")
        elif user:
            read.append(user)
    return tuple(read)


def _person(value: Value, people: Mapping[str, User]) -> str:
    """A user who can be rung; empty, with a problem, for anybody else."""
    name = value.text(64)
    if name and name not in people:
        value.wrong(unknown_user(name, people))
        return ""
    if name and not people[name].address:
        value.wrong(f"{name} has no phone (address), and only who has one can be in a group")
    return name


def _announcement(value: Value | None) -> str:
    text = "" if value is None else value.text(255)
    if value is not None and text and not re.fullmatch(r"[\w][\w .-]*\.wav", text, re.IGNORECASE):
        value.wrong(f"{brief(text)} is not the name of a WAV file, such as welcome.wav")
    return text


def _overflow(value: Value | None) -> Overflow:
    text = "none" if value is None else value.text(128) or "none"
    kind = _OVERFLOW.get(text.lower())
    if kind is not None:
        return Overflow(kind)
    if is_voicemail(text):
        return Overflow(OverflowKind.VOICEMAIL, text.removeprefix("voicemail:"))
    normal = numbers.normalise(text)
    if value is not None and not numbers.is_number(normal):
        value.wrong(f"{brief(text)} is no overflow; right is none, busy, voicemail:<box> or a number")
    return Overflow(OverflowKind.NUMBER, normal)


def _entry(value: Value) -> VipEntry:
    """A pattern alone, or with a description and the moment it ends."""
    if isinstance(value.node, yaml.ScalarNode):
        return VipEntry(_pattern(value))
    section = value.section()
    pattern = section.get("pattern", required=True)
    entry = VipEntry(
        _pattern(pattern) if pattern else "",
        section.text("description", 200),
        _moment(section.get("expires")),
    )
    section.finish()
    return entry


def _pattern(value: Value) -> str:
    text = value.text(64)
    try:
        parse_pattern(text)
    except PatternError as exc:
        value.wrong(f"{brief(text)} is no VIP entry; right is {exc.expected}")
    return text


def _moment(value: Value | None) -> datetime | None:
    text = "" if value is None else value.text(64)
    if value is None or not text:
        return None
    right = "a date, a time and its zone, such as 2026-12-31T18:00:00+01:00"
    try:
        at = datetime.fromisoformat(text)
        if at.utcoffset() is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        value.wrong(f"{brief(text)} is no moment; right is {right}")
        return None
    value.wrong(f"{brief(text)} does not say in which zone; right is {right}")
    return None

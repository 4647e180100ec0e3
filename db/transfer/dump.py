"""An office to YAML text that `load` reads back to an equal office."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from db.office import USER, Office, Team, User
from db.transfer.load import FORMAT
from router.model import Contact, OverflowKind, VipEntry

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_HEADER = """\
# An office. Importing this file replaces the whole office by it.
# A user without password_hash keeps the password he has; with an empty one he cannot log in.
"""
_PRIVATE = "# It holds password hashes: keep it private.\n"


def dump(office: Office, *, passwords: bool = True) -> str:
    """What differs from the defaults, always in the same order. `passwords`: with their hashes."""
    office = office.in_order()
    content = {
        "format": FORMAT,
        "users": {user.user: _user(user, passwords=passwords) for user in office.users},
        "groups": {team.name: _team(team) for team in office.groups},
        "contacts": [_contact(contact) for contact in office.contacts],
        "variables": dict(office.variables),
    }
    text: str = yaml.dump(content, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=1000)
    return _HEADER + (_PRIVATE if passwords else "") + text


def save(path: Path, text: str) -> None:
    """Whole or not at all, for its owner only (mode 0600)."""
    neighbour = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        handle = os.open(neighbour, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, 0o600)
            file.write(text)
            file.flush()
            os.fsync(handle)
        neighbour.replace(path)
    finally:
        neighbour.unlink(missing_ok=True)


def _user(user: User, *, passwords: bool) -> dict[str, object]:
    fields: dict[str, object] = {"name": user.name}
    if user.address:
        fields["address"] = user.address
    if user.number:
        fields["number"] = user.number
    if user.roles != {USER}:
        fields["roles"] = sorted(user.roles)
    if user.presence.value != "available":
        fields["presence"] = user.presence.value
    if user.message:
        fields["message"] = user.message
    if user.forwards:
        fields["forwards"] = [{"kind": each.kind.value, "target": each.target} for each in user.forwards]
    if passwords and user.password_hash is not None:
        fields["password_hash"] = user.password_hash
    return fields


def _team(team: Team) -> dict[str, object]:
    overflow = {
        OverflowKind.NONE: "none",
        OverflowKind.BUSY: "busy",
        OverflowKind.VOICEMAIL: f"voicemail:{team.overflow.target}",
        OverflowKind.NUMBER: team.overflow.target,
    }[team.overflow.kind]
    present: dict[str, object] = {
        "manager_number": team.manager_number,
        "manager": team.manager,
        "members": list(team.members),
        "announcement": team.announcement,
        "vip": [_entry(entry) for entry in team.vip],
    }
    return {
        **{name: value for name, value in present.items() if value},
        "ring_parallel": team.ring_parallel,
        "manager_timeout": team.manager_timeout,
        "assistant_timeout": team.assistant_timeout,
        "overflow": overflow,
        "show_calls": team.show_calls,
        "show_vip_calls": team.show_vip_calls.name.lower(),
        "vip_routing": team.vip_routing.name.lower(),
        "vip_threshold": team.vip_threshold,
        "assistant_direct": team.assistant_direct,
        "strategy": team.strategy.value,
        "need_registered": team.need_registered,
        "need_idle": team.need_idle,
        "need_unforwarded": team.need_unforwarded,
    }


def _entry(entry: VipEntry) -> dict[str, object]:
    fields: dict[str, object] = {"pattern": entry.pattern}
    if entry.description:
        fields["description"] = entry.description
    if entry.expires:
        fields["expires"] = entry.expires.isoformat()
    return fields


def _contact(contact: Contact) -> dict[str, object]:
    return {"name": contact.name, "numbers": list(contact.numbers), "rank": contact.rank}

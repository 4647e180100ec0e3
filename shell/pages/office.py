"""The office, read only: its people, and its groups."""

from __future__ import annotations

from db.office import Office, Team, User
from shell.layout import Cell, pairs, table
from shell.registry import Context
from shell.reply import CommandError, Reply
from shell.term import Line, Span, Style, Suggestion

CHANGED_BY = "It is changed by an office file: callisto import FILE."


async def show_office(context: Context, _arguments: tuple[str, ...]) -> Reply:
    office = await context.services.office.offices.read()
    rows: list[tuple[Cell, ...]] = [
        (Span(user.user, Style.KEY), user.name, user.number or "-", user.presence.value, _about(user))
        for user in office.users
    ]
    counts = (
        f"{len(office.users)} people, {len(office.groups)} groups (show groups), "
        f"{len(office.contacts)} contacts. {CHANGED_BY}"
    )
    lines = (
        *table(rows, context.table_width, heading=("User", "Name", "Number", "Presence", "")),
        "",
        counts,
    )
    return Reply(lines, {"users": [_user(user) for user in office.users], "contacts": len(office.contacts)})


async def show_groups(context: Context, arguments: tuple[str, ...]) -> Reply:
    """All of them, or one by its name or manager number."""
    office = await context.services.office.offices.read()
    if arguments:
        team = _find(office, arguments[0])
        return Reply(_details(context, office, team), _team(team))
    if not office.groups:
        return Reply((f"There is no group. {CHANGED_BY}",), [])
    rows: list[tuple[Cell, ...]] = [
        (
            Span(team.manager_number or "-", Style.KEY),
            team.name,
            _name(office, team.manager) or "-",
            ", ".join(_name(office, user) for user in team.members) or "nobody",
        )
        for team in office.groups
    ]
    heading = ("Number", "Group", "Manager", "Assistants")
    return Reply(table(rows, context.table_width, heading=heading), [_team(team) for team in office.groups])


async def group_names(context: Context) -> tuple[Suggestion, ...]:
    """Manager numbers, for completion."""
    found = await context.services.office.offices.numbers()
    return tuple(Suggestion(number, name) for number, name in found)


def _find(office: Office, wanted: str) -> Team:
    for team in office.groups:
        if wanted.casefold() in (team.name.casefold(), team.manager_number):
            return team
    names = ", ".join(team.name for team in office.groups[:10])
    raise CommandError(f"there is no group {wanted[:40]!r}", f"groups: {names}" if names else CHANGED_BY)


def _details(context: Context, office: Office, team: Team) -> tuple[Line, ...]:
    def seconds(value: int) -> str:
        return f"{value} s" if value else "no limit"

    items: list[tuple[str, Cell]] = [
        ("Number", team.manager_number or "none"),
        ("Manager", _name(office, team.manager) or "none"),
    ]
    items.extend(
        (f"Assistant {place}", _name(office, user)) for place, user in enumerate(team.members, start=1)
    )
    items.extend(
        [
            ("Rings", f"assistants {team.strategy.value}{', the manager too' if team.ring_parallel else ''}"),
            ("Manager for", seconds(team.manager_timeout)),
            ("Assistant for", seconds(team.assistant_timeout)),
            ("Overflow", _overflow(team)),
            ("Announcement", team.announcement or "none"),
            ("VIP entries", str(len(team.vip))),
        ]
    )
    return ((Span(team.name, Style.TITLE),), *pairs(items, context.width))


def _overflow(team: Team) -> str:
    kind = team.overflow.kind.value.replace("_", " ")
    return f"{kind} {team.overflow.target}" if team.overflow.target else kind


def _name(office: Office, user: str) -> str:
    return next((each.name or each.user for each in office.users if each.user == user), user)


def _about(user: User) -> str:
    parts = [*(role for role in sorted(user.roles) if role != "user"), user.message]
    parts.extend(f"forwarded to {forward.target}" for forward in user.forwards)
    return ", ".join(part for part in parts if part)


def _user(user: User) -> dict[str, object]:
    return {
        "user": user.user,
        "name": user.name,
        "number": user.number,
        "address": user.address,
        "roles": sorted(user.roles),
        "presence": user.presence.value,
        "message": user.message,
        "forwards": [{"kind": each.kind.value, "target": each.target} for each in user.forwards],
    }


def _team(team: Team) -> dict[str, object]:
    return {
        "name": team.name,
        "manager_number": team.manager_number,
        "manager": team.manager,
        "assistants": list(team.members),
        "ring_parallel": team.ring_parallel,
        "manager_timeout": team.manager_timeout,
        "assistant_timeout": team.assistant_timeout,
        "overflow": team.overflow.kind.value,
        "overflow_target": team.overflow.target,
        "strategy": team.strategy.value,
        "announcement": team.announcement,
        "vip_entries": len(team.vip),
    }

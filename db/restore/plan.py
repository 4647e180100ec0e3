"""What a restore would change, as an admin reads it before he confirms. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, get_args

from db.backup.manifest import Kind
from db.errors import RefusedError

EVERYTHING: tuple[Kind, ...] = get_args(Kind)
SHOWN = 8
_WORDS = {
    "call": "call records",
    "contact_number": "numbers of contacts",
    "contact": "contacts",
    "job_run": "runs of jobs",
    "member": "members of groups",
    "user_role": "roles",
    "variable": "system variables",
    "variable_change": "changes of variables",
    "vip_entry": "VIP entries",
    "audit": "lines of the audit trail",
    "trial": "changes on trial",
    "backup_target": "backup targets",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one table: rows that come, go, and are others afterwards; `names`: some of them, where they have
    names."""

    kind: Kind
    table: str
    added: int
    removed: int
    changed: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """`files`: paths below the state folder that come or change; `left_out`: rows that would refer to
    nothing; `warnings`: what to know before."""

    archive: str
    made_at: datetime
    version: str
    schema: str
    kinds: tuple[Kind, ...]
    differences: tuple[Difference, ...]
    files: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "made_at": self.made_at.isoformat()}


def of_json(found: Mapping[str, Any]) -> Plan:
    """Raises ValueError for what is no plan."""
    try:
        return Plan(
            str(found["archive"]),
            datetime.fromisoformat(found["made_at"]),
            str(found["version"]),
            str(found["schema"]),
            tuple(found["kinds"]),
            tuple(Difference(**{**each, "names": tuple(each["names"])}) for each in found["differences"]),
            *(tuple(map(str, found[name])) for name in ("files", "left_out", "warnings")),
        )
    except (KeyError, TypeError) as exc:
        raise ValueError(f"no plan of a restore: {exc}") from exc


def chosen(words: Iterable[str]) -> tuple[Kind, ...]:
    """The kinds that somebody has named, in their order; none named is everything. Raises RefusedError."""
    named = {word.strip().casefold() for word in words} - {""}
    if unknown := named - set(EVERYTHING):
        raise RefusedError(
            f"there is nothing called {min(unknown)[:40]!r} in a backup",
            hint=f"right are {', '.join(EVERYTHING)}",
        )
    return tuple(kind for kind in EVERYTHING if not named or kind in named)


def is_whole(kinds: Sequence[Kind]) -> bool:
    return set(kinds) == set(EVERYTHING)


def lines(plan: Plan) -> list[str]:
    """For a terminal; nothing in it has been made safe for one."""
    found = [
        f"{plan.archive}, made {plan.made_at.astimezone():%Y-%m-%d %H:%M} by version {plan.version}",
        "restores " + ("everything" if is_whole(plan.kinds) else " and ".join(plan.kinds)),
    ]
    found += [_difference(each) for each in plan.differences]
    if plan.files:
        found.append(f"files: {len(plan.files)} come or change{_some(plan.files)}")
    if len(found) == 2:
        found.append("nothing is different: the present state is that of the backup")
    found += [f"left out: {each}" for each in plan.left_out[:SHOWN]]
    if len(plan.left_out) > SHOWN:
        found.append(f"left out: {len(plan.left_out) - SHOWN} more")
    return found + [f"careful: {each}" for each in plan.warnings]


def _difference(found: Difference) -> str:
    counts = (
        (found.added, "come" if found.added != 1 else "comes"),
        (found.removed, "go" if found.removed != 1 else "goes"),
        (found.changed, "change" if found.changed != 1 else "changes"),
    )
    said = ", ".join(f"{number:,} {word}" for number, word in counts if number)
    return f"{_WORDS.get(found.table, found.table)}: {said}{_some(found.names)}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    more = ", …" if len(names) > SHOWN else ""
    return f" ({shown}{more})" if names else ""

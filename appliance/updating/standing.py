"""How the updates on a machine stand to what runs, and what `back` leads to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.updating.shelf import Found
from shell.update_ports import Standing


@dataclass(frozen=True, slots=True)
class Systems:
    """The version of the slot that was booted, and of the other one; empty where it is not known. `waits`:
    the other one is new, and is started by the next reboot."""

    booted: str
    other: str
    waits: bool


@dataclass(frozen=True, slots=True)
class Before:
    """What ran before, and would again. `application`: its bundle; empty for what the system has built in.
    `system`: the version of the one below it; empty where it is not known."""

    application: str
    system: str


def standings(found: Sequence[Found], applications: tuple[str, str], systems: Systems) -> dict[str, Standing]:
    """By name, of those that are not merely there. `applications`: what runs, and what ran before."""
    current, previous = applications
    shown: dict[str, Standing] = {}
    for each in found:
        version = each.sheet.version if each.sheet and each.sheet.kind == "system" else None
        if each.name == current or (version and version == systems.booted):
            shown[each.name] = "running"
        elif version and version == systems.other:
            shown[each.name] = "installed" if systems.waits else "previous"
        elif each.name == previous:
            shown[each.name] = "previous"
    return shown


def schema_of(before: Before, found: Sequence[Found]) -> str | None:
    """The newest schema of the store that it reads; None where no bundle says that any more."""
    for each in found:
        if each.sheet is None:
            continue
        built_in = each.sheet.kind == "system" and each.sheet.version == before.system
        if each.name == before.application or (not before.application and built_in):
            return each.sheet.schema
    return None

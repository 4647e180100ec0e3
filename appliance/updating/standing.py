"""What `back` leads to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.updating.shelf import Found


@dataclass(frozen=True, slots=True)
class Before:
    """What ran before, and would again. `application`: its bundle; empty for what the system has built in.
    `system`: the version of the one below it; empty where it is not known."""

    application: str
    system: str


def schema_of(before: Before, found: Sequence[Found]) -> str | None:
    """The newest schema of the store that it reads; None where no bundle says that any more."""
    for each in found:
        if each.sheet is None:
            continue
        built_in = each.sheet.kind == "system" and each.sheet.version == before.system
        if each.name == before.application or (not before.application and built_in):
            return each.sheet.schema
    return None

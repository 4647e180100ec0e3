"""A variable with its value, and what has been changed by whom. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from db.variables.catalogue import Variable

Channel = Literal["telnet", "web", "cli", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, from where. `address`: host and port or empty when it was nobody outside."""

    user: str
    address: str
    channel: Channel


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the history. `at`: aware, UTC; `old`, `new`: stored forms of the values that counted.

    `old_is_default`, `new_is_default`: the value was, or became, nobody's choice. `undoes`: the change that
    this one takes back; `undone_by`: the one that has taken this back. `id` 0: the value was the same
    already; nothing has changed and nothing was kept.
    """

    id: int
    at: datetime
    actor: Actor
    name: str
    old: str
    new: str
    old_is_default: bool
    new_is_default: bool
    undoes: int | None = None
    undone_by: int | None = None

    @property
    def changed(self) -> bool:
        return self.id != 0


@dataclass(frozen=True, slots=True)
class VariableState:
    """`value`: stored form; `shown`: for people; `is_default`: nobody has set it.

    `unavailable`: why this edition does not have it; empty when it has.
    """

    variable: Variable
    value: str
    shown: str
    is_default: bool
    last_change: Change | None
    unavailable: str = ""

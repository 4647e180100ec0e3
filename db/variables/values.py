"""Kinds of values: from what a person types to the stored form and to words. Pure.

Every kind takes its own words back: `stored(shown(x)) == x`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from scheduler import days

BLANK = frozenset({"", '""', "''", "blank", "none", "never"})
"""What people write for no value, where a variable may have none."""


class WrongValueError(ValueError):
    """`problem`: what is wrong with the text; `expected`: what would be right."""

    def __init__(self, problem: str, expected: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may need of the outside. `user_exists`: is there a user with this number?"""

    edition: str = "ucm"
    ram_mb: int = 1024
    user_exists: Callable[[str], bool] = lambda _: False


class Values(Protocol):
    @property
    def unit(self) -> str:
        """Of the stored number; empty for values without one."""

    def expected(self, context: Context, /) -> str:
        """What is right, in words, after `right is …`."""

    def stored(self, text: str, context: Context, /) -> str:
        """The form that is kept. Raises WrongValueError."""

    def shown(self, stored: str) -> str:
        """For people, in a few words. Takes any text that was once stored."""

    def choices(self) -> tuple[tuple[str, str], ...]:
        """Each possible stored value with its meaning; empty where they cannot be listed."""


@dataclass(frozen=True, slots=True)
class Switch:
    """0 or 1. `off`, `on`: what each means."""

    off: str
    on: str
    unit: str = ""

    def expected(self, _context: Context) -> str:
        return f"0 ({self.off}) or 1 ({self.on})"

    def stored(self, text: str, context: Context) -> str:
        match text.strip().lower():
            case "0" | "off" | "no" | "false":
                return "0"
            case "1" | "on" | "yes" | "true":
                return "1"
            case "":
                raise WrongValueError("the value is missing", self.expected(context))
            case _:
                raise WrongValueError(f"{brief(text)} is neither 0 nor 1", self.expected(context))

    def shown(self, stored: str) -> str:
        return {"0": "off", "1": "on"}.get(stored, stored)

    def choices(self) -> tuple[tuple[str, str], ...]:
        return (("0", self.off), ("1", self.on))


@dataclass(frozen=True, slots=True)
class Bounded:
    """A whole number from `low` to `high`, both included. `zero`: what 0 means when it is special."""

    low: int
    high: int
    unit: str
    zero: str = ""

    def expected(self, _context: Context) -> str:
        zero = f", 0 for {self.zero}" if self.zero else ""
        return f"a whole number of {NUMBER_OF.get(self.unit, self.unit)} from {self.low} to {self.high}{zero}"

    def stored(self, text: str, context: Context) -> str:
        plain = text.strip().lower()
        if self.zero and plain in {self.zero, "off"}:
            return "0"
        # The unit may be written too: what is shown can be typed.
        number = plain.removesuffix(self.unit.lower()).rstrip()
        if not number:
            raise WrongValueError("the value is missing", self.expected(context))
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", number):
            raise WrongValueError(f"{brief(text)} is not a whole number", self.expected(context))
        if not self.low <= int(number) <= self.high:
            side = "less than" if int(number) < self.low else "more than"
            limit = self.low if int(number) < self.low else self.high
            raise WrongValueError(f"{int(number)} is {side} {limit}", self.expected(context))
        return str(int(number))

    def shown(self, stored: str) -> str:
        return self.zero if self.zero and stored == "0" else f"{stored} {self.unit}"

    def choices(self) -> tuple[tuple[str, str], ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes, from `low` to half of the machine's RAM."""

    low: int
    unit: str = "MB"

    def expected(self, context: Context) -> str:
        return f"{self._bounded(context).expected(context)} (half of this machine's memory)"

    def stored(self, text: str, context: Context) -> str:
        try:
            return self._bounded(context).stored(text, context)
        except WrongValueError as exc:
            raise WrongValueError(exc.problem, self.expected(context)) from exc

    def shown(self, stored: str) -> str:
        return f"{stored} {self.unit}"

    def choices(self) -> tuple[tuple[str, str], ...]:
        return ()

    def _bounded(self, context: Context) -> Bounded:
        return Bounded(self.low, max(self.low, context.ram_mb // 2), self.unit)


@dataclass(frozen=True, slots=True)
class Weekly:
    """`<DayBitmask>,<Time>`, or blank for never."""

    unit: str = ""

    def expected(self, _context: Context) -> str:
        return days.EXPECTED

    def stored(self, text: str, _context: Context) -> str:
        plain = "" if text.strip().lower() in BLANK else text
        try:
            weekly = days.parse(plain)
        except days.WeeklyTimeError as exc:
            raise WrongValueError(f"{brief(text)}: {exc.problem}", exc.expected) from exc
        return weekly.stored() if weekly else ""

    def shown(self, stored: str) -> str:
        try:
            weekly = days.parse(stored)
        except days.WeeklyTimeError:
            return stored
        return weekly.words() if weekly else "never"

    def choices(self) -> tuple[tuple[str, str], ...]:
        return ()


@dataclass(frozen=True, slots=True)
class UserNumber:
    """The number of a user who exists, or blank."""

    unit: str = ""

    def expected(self, _context: Context) -> str:
        return "the number of a user of this system, such as 201, or blank for none"

    def stored(self, text: str, context: Context) -> str:
        number = text.strip()
        if number.lower() in BLANK:
            return ""
        if not re.fullmatch(r"\+?[0-9*#]{1,32}", number):
            raise WrongValueError(f"{brief(text)} is not a number", self.expected(context))
        if not context.user_exists(number):
            raise WrongValueError(f"no user has the number {number}", self.expected(context))
        return number

    def shown(self, stored: str) -> str:
        return stored or "none"

    def choices(self) -> tuple[tuple[str, str], ...]:
        return ()


@dataclass(frozen=True, slots=True)
class HostName:
    """A host name (RFC 1123 section 2.1) or a literal IPv4 or IPv6 address, or blank."""

    unit: str = ""

    def expected(self, _context: Context) -> str:
        return "one host name or IP address, such as pool.ntp.org or 192.0.2.1, or blank for none"

    def stored(self, text: str, context: Context) -> str:
        name = text.strip().lower()
        if name in BLANK:
            return ""
        problem = host_problem(name)
        if problem:
            raise WrongValueError(f"{brief(text)} {problem}", self.expected(context))
        return name.rstrip(".")

    def shown(self, stored: str) -> str:
        return stored or "none"

    def choices(self) -> tuple[tuple[str, str], ...]:
        return ()


NUMBER_OF = {"s": "seconds", "min": "minutes", "%": "percent", "MB": "megabytes"}
"""How units read in a sentence."""


def host_problem(name: str) -> str:
    """What keeps `name` from being a host name or address; empty when nothing does."""
    if _is_address(name):
        return ""
    labels = name.removesuffix(".").split(".")
    if any(character.isspace() or character == "," for character in name):
        return "is more than one name"
    if ":" in name:
        return "is no IP address; a port cannot be given"
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return "is no host name: letters, digits and hyphens between dots"
    # A last label of digits is an address to most resolvers, and this was not one.
    return "is no IP address" if labels[-1].isdigit() else ""


_LABEL = re.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return "%" not in name


def brief(text: str) -> str:
    """The text as it may be shown back: quoted, without control characters, at most 40 characters."""
    return repr(text if len(text) <= 40 else text[:39] + "…")

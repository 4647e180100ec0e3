"""Who is a VIP for a manager: a line of his list, or a contact whose rank is high enough.

Spec: call flow, rule 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from router import numbers
from router.model import Contact, Group, VipEntry

LONGEST_PATTERN = 64
EXPECTED = (
    "digits (also * and #), '.' for one digit and 'T' for zero or more, with an optional '+' in front,"
    " such as 0791234567, 04412345.. or +4179T"
)


class PatternError(ValueError):
    """`text` is no VIP entry; `expected` says what one is made of."""

    def __init__(self, text: str, expected: str = EXPECTED) -> None:
        super().__init__(f"{text!r} is no VIP entry: expected {expected}")
        self.text = text
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Pattern:
    """A VIP entry taken apart: the pieces between its `T`s, each of digits and `.`.

    `plus`: the entry begins with `+` and so means only numbers that do. Without it the `+` of a number
    does not count.
    """

    pieces: tuple[str, ...]
    plus: bool = False

    @property
    def is_exact(self) -> bool:
        return len(self.pieces) == 1 and "." not in self.pieces[0]

    def matches(self, number: str) -> bool:
        """Whether a normalised number fits, from its first digit to its last.

        Each piece is looked for once, at its first place: the time grows with pieces times digits at most.
        """
        if not numbers.is_number(number) or (self.plus and not number.startswith("+")):
            return False
        digits = number.lstrip("+")
        first, *others = self.pieces
        if not others:
            return len(digits) == len(first) and _fits(first, digits, 0)
        *middle, last = others
        end = len(digits) - len(last)
        if end < len(first) or not _fits(first, digits, 0) or not _fits(last, digits, end):
            return False
        place = len(first)
        for piece in middle:
            found = _find(piece, digits, place, end)
            if found is None:
                return False
            place = found + len(piece)
        return True


def parse_pattern(text: str) -> Pattern:
    """Read a VIP entry; spaces and other separators are let pass, `T` may be small. Raises PatternError."""
    cleaned = "".join(text.split()).translate(_LET_PASS)
    if cleaned.startswith("00") and len(cleaned) > 2:
        cleaned = "+" + cleaned[2:]  # as numbers.normalise does
    body = cleaned.removeprefix("+")
    if len(cleaned) > LONGEST_PATTERN:
        raise PatternError(text, f"at most {LONGEST_PATTERN} characters")
    if not body or not set(body) <= _ALPHABET:
        raise PatternError(text)
    while "TT" in body:
        body = body.replace("TT", "T")
    return Pattern(tuple(body.split("T")), plus=cleaned.startswith("+"))


@dataclass(frozen=True, slots=True)
class Vip:
    """Why a caller is a VIP: an entry of the list, or his contact's rank against the threshold."""

    entry: VipEntry | None = None
    rank: int = 0
    threshold: int = 0


@dataclass(frozen=True, slots=True)
class VipList:
    """A manager's list, ready for many calls. `patterns`: each after the digits it begins with, by which most
    are passed over. `unreadable`: entries that fit no number, for the log."""

    exact: Mapping[str, tuple[VipEntry, ...]]
    patterns: tuple[tuple[str, Pattern, VipEntry], ...]
    unreadable: tuple[VipEntry, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[VipEntry]) -> VipList:
        exact: dict[str, tuple[VipEntry, ...]] = {}
        patterns: list[tuple[str, Pattern, VipEntry]] = []
        unreadable: list[VipEntry] = []
        for entry in entries:
            try:
                pattern = parse_pattern(entry.pattern)
            except PatternError:
                unreadable.append(entry)
                continue
            if pattern.is_exact:
                key = ("+" if pattern.plus else "") + pattern.pieces[0]
                exact[key] = (*exact.get(key, ()), entry)
            else:
                patterns.append((pattern.pieces[0].partition(".")[0], pattern, entry))
        return cls(exact, tuple(patterns), tuple(unreadable))

    def match(self, number: str, at: datetime) -> VipEntry | None:
        """An entry that fits a normalised number and is valid at `at`, that is before `expires`."""
        if not numbers.is_number(number):
            return None
        digits = number.lstrip("+")
        for key in {number, digits}:
            for entry in self.exact.get(key, ()):
                if _is_valid(entry, at):
                    return entry
        for beginning, pattern, entry in self.patterns:
            if digits.startswith(beginning) and _is_valid(entry, at) and pattern.matches(number):
                return entry
        return None


@dataclass(frozen=True, slots=True)
class Directory:
    """The contacts by normalised number; of two with the same number the higher rank counts."""

    by_number: Mapping[str, Contact]

    @classmethod
    def of(cls, contacts: Iterable[Contact]) -> Directory:
        found: dict[str, Contact] = {}
        for contact in contacts:
            enter(contact, found)
        return cls(found)

    def find(self, number: str) -> Contact | None:
        return self.by_number.get(number)


def enter(contact: Contact, by_number: dict[str, Contact]) -> None:
    """Put a contact into a directory that is being made."""
    for number in contact.numbers:
        known = by_number.get(number)
        if known is None or contact.rank > known.rank:
            by_number[number] = contact


def judge(group: Group, entries: VipList, contact: Contact | None, number: str, at: datetime) -> Vip | None:
    """Why the caller with this normalised number is a VIP for the group's manager, or None."""
    if contact is not None and 0 < group.vip_threshold <= contact.rank:
        return Vip(rank=contact.rank, threshold=group.vip_threshold)
    entry = entries.match(number, at)
    return Vip(entry=entry) if entry is not None else None


_ALPHABET = frozenset("0123456789*#.T")
_LET_PASS = str.maketrans("t", "T", "-()/\u00a0")


def _is_valid(entry: VipEntry, at: datetime) -> bool:
    return entry.expires is None or at < entry.expires


def _fits(piece: str, digits: str, place: int) -> bool:
    return all(wanted in (".", digits[place + i]) for i, wanted in enumerate(piece))


def _find(piece: str, digits: str, start: int, end: int) -> int | None:
    """First place at or after `start` where the piece fits and ends at or before `end`."""
    return next((p for p in range(start, end - len(piece) + 1) if _fits(piece, digits, p)), None)

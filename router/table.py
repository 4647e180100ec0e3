"""The routing table as lines of JSON, so that it can be read a little at a time.

    {"version":2,"table":{…}}     revision, settings, peers, networks, hosts
    ["group","100",{…}]           one group, by the number that is dialled
    ["contacts",[{…},{…}]]        some contacts
    ["end","1c291ca3"]            CRC-32 of all lines before

Reader and writer are of one release; a change of the model that another release would misread raises VERSION.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any
from zlib import crc32

from router import numbers, vip
from router.fields import TableError, plain, reader
from router.model import Contact, Group, RoutingTable
from router.recent import Recent

__all__ = [
    "Groups",
    "TableError",
    "TableReader",
    "body",
    "contact_lines",
    "decode",
    "encode",
    "group_line",
    "head",
    "seal",
]

VERSION = 2
CONTACTS_A_LINE = 50
RECENT_GROUPS = 1000
_GROUP = b'["group","'


def encode(table: RoutingTable) -> bytes:
    return seal(head(table), b"".join(body(table)))


def head(table: RoutingTable) -> bytes:
    """The first line: everything but groups and contacts."""
    return _line({"version": VERSION, "table": plain(replace(table, groups={}, contacts={}))})


def body(table: RoutingTable) -> Iterator[bytes]:
    """The lines of groups and contacts, one by one: a large office takes more than a second."""
    for number, group in table.groups.items():
        yield group_line(number, group)
    yield from contact_lines(table)


def group_line(number: str, group: Group) -> bytes:
    return _line(["group", number, plain(group)])


def contact_lines(table: RoutingTable) -> Iterator[bytes]:
    contacts = iter({id(contact): contact for contact in table.contacts.values()}.values())
    while some := [plain(contact) for contact in islice(contacts, CONTACTS_A_LINE)]:
        yield _line(["contacts", some])


def seal(first: bytes, rest: bytes) -> bytes:
    """The whole file of a head and a body."""
    return b"".join((first, rest, _line(["end", f"{crc32(rest, crc32(first)):08x}"])))


def decode(text: bytes) -> RoutingTable:
    """The table of a whole file. Raises TableError, also for a file that was cut off."""
    table_reader = TableReader()
    for line in text.splitlines(keepends=True):
        table_reader.feed(line)
    return table_reader.table()


class Groups(Mapping[str, Group]):
    """Groups that are made of their lines when they are asked for.

    Ten thousand of them at once are half a million objects: to make them, to free them, and for the garbage
    collector to look through them takes longer than a call may wait. The lines are no work for it.
    """

    def __init__(self, lines: Mapping[str, bytes], before: Groups | None = None) -> None:
        self._lines = lines
        self._recent: Recent[str, Group] = Recent(RECENT_GROUPS)
        if before is not None:
            self._recent.update(
                (number, group)
                for number, group in before._recent.items()
                if lines.get(number) is before._lines[number]
            )

    def line(self, number: str) -> bytes | None:
        """What the group of this number is made of."""
        return self._lines.get(number)

    def __getitem__(self, number: str) -> Group:
        found = self._recent.get(number)
        return found or self._recent.keep(number, _group(_parsed(self._lines[number])))

    def __contains__(self, number: object) -> bool:
        return number in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


class TableReader:
    """Takes the lines of a file one by one; each is checked when it comes, so that a table is good or refused
    as a whole. The work for a line is that for one group, or for CONTACTS_A_LINE contacts; next to none for a
    group that is in the table `before` as it is here: its line, or the group that was made of it, stays."""

    def __init__(self, before: RoutingTable | None = None) -> None:
        self._before = before.groups if before and isinstance(before.groups, Groups) else None
        self._head: RoutingTable | None = None
        self._lines: dict[str, bytes] = {}
        self._contacts: dict[str, Contact] = {}
        self._crc = 0
        self._ended = False

    def feed(self, line: bytes) -> None:
        """Raises TableError."""
        if self._ended:
            raise TableError("something follows the end")
        if self._head is None:
            self._head = _head(_parsed(line))
        elif not self._is_known(line):
            self._take(_parsed(line), line)
        self._crc = crc32(line, self._crc)

    def table(self) -> RoutingTable:
        """The whole table. Raises TableError when the end has not come."""
        if self._head is None or not self._ended:
            raise TableError("it is cut off")
        return replace(self._head, groups=Groups(self._lines, self._before), contacts=self._contacts)

    def _is_known(self, line: bytes) -> bool:
        if self._before is None or not line.startswith(_GROUP):
            return False
        number = line[len(_GROUP) : line.find(b'"', len(_GROUP))].decode(errors="replace")
        known = self._before.line(number)
        if known != line:
            return False
        self._lines[number] = known
        return True

    def _take(self, found: Any, line: bytes) -> None:
        match found:
            case ["group", str(number), _]:
                _group(found)
                self._lines[number] = line
            case ["contacts", contacts]:
                for contact in _contacts(contacts):
                    vip.enter(contact, self._contacts)
            case ["end", crc]:
                if crc != f"{self._crc:08x}":
                    raise TableError(f"the checksum is {self._crc:08x}, expected {crc!r}")
                self._ended = True
            case _:
                raise TableError("expected a group, contacts or the end")


def _head(found: Any) -> RoutingTable:
    if not isinstance(found, dict) or "version" not in found:
        raise TableError("expected an object with version and table")
    if found["version"] != VERSION:
        raise TableError(f"expected {VERSION}, found {found['version']!r}", "version")
    table: RoutingTable = reader(RoutingTable)(found.get("table"))
    return table


def _group(found: Any) -> Group:
    _, number, data = found
    place = f".groups.{number}"
    try:
        group: Group = reader(Group)(data)
    except TableError as exc:
        raise exc.inside(place) from None
    if numbers.normalise(group.manager_number) != number:
        raise TableError(f"expected {number!r}, found {group.manager_number!r}", place, ".manager_number")
    return group


def _contacts(found: Any) -> tuple[Contact, ...]:
    try:
        contacts: tuple[Contact, ...] = reader(tuple[Contact, ...])(found)
    except TableError as exc:
        raise exc.inside(".contacts") from None
    return contacts


def _line(data: object) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise TableError(f"not JSON ({exc})") from exc

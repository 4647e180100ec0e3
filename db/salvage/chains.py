"""Pages that hang together by numbers in them: the rest of a long record, and the list of free pages.

Source: sqlite.org/fileformat2.html, 1.5 and 1.7.
"""

from __future__ import annotations

from collections.abc import Callable

from db.salvage.format import Cell, FormatError
from db.salvage.pages import Pages

_LONGEST = 16_384
"""Pages of one record: 64 MiB. A longer chain is damage."""


def payload(pages: Pages, page: bytes, cell: Cell, visit: Callable[[int], None] = lambda _: None) -> bytes:
    """The whole record of a cell. `visit` is told each further page, once the chain has proved whole.

    Raises FormatError for a chain that is too short, too long, or leaves the store.
    """
    here = page[cell.body : cell.body + cell.local]
    if cell.local == cell.size:
        return here
    parts, left = [here], cell.size - cell.local
    number = int.from_bytes(page[cell.body + cell.local : cell.body + cell.local + 4], "big")
    room = pages.usable - 4
    visited: set[int] = set()
    if left > room * _LONGEST:
        raise FormatError("a record longer than any of ours")
    while left > 0:
        data = pages.read(number) if number > 1 and number not in visited else None
        if data is None:
            raise FormatError("the rest of the record is not there")
        visited.add(number)
        parts.append(data[4 : 4 + min(left, room)])
        left -= room
        number = int.from_bytes(data[:4], "big")
    if number != 0:
        raise FormatError("the rest of the record does not end where it should")
    for each in visited:
        visit(each)
    return b"".join(parts)


def freelist(pages: Pages) -> tuple[set[int], bool]:
    """The pages the store says are free, and whether the list is whole. What is no trunk ends it."""
    first = pages.read(1)
    if first is None or not pages.header_sound:
        return set(), False
    trunk, said = int.from_bytes(first[32:36], "big"), int.from_bytes(first[36:40], "big")
    free: set[int] = set()
    while trunk:
        data = pages.read(trunk) if trunk > 1 and trunk not in free else None
        if data is None:
            return free, False
        count = int.from_bytes(data[4:8], "big")
        if count > pages.usable // 4 - 2:
            return free, False
        leaves = [int.from_bytes(data[at : at + 4], "big") for at in range(8, 8 + 4 * count, 4)]
        if len(set(leaves)) < count or any(not 1 < leaf <= pages.count or leaf in free for leaf in leaves):
            return free, False
        free.add(trunk)
        free.update(leaves)
        trunk = int.from_bytes(data[:4], "big")
    return free, len(free) == said

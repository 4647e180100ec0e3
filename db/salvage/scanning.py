"""Where records may begin on a page whose pointers are gone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from db.salvage import format as fmt
from db.salvage.format import FormatError
from db.salvage.shapes import Shape


def pattern(shape: Shape) -> re.Pattern[bytes]:
    """The header of a record of today's width; texts are told from numbers only."""
    parts = []
    for column in shape.fields:
        small = b"".join(b"\\x%02x" % kind for kind in sorted(column.small))
        ways = [b"[" + small + b"]"] if small else []
        if column.text_to:
            ways.append(b"[\\x0d-\\x7f]")
        if column.text_to >= 0x80:
            ways.append(b"[\\x81-\\xff][\\x00-\\x7f]")
        if column.text_to >= 0x4000:
            ways.append(b"[\\x81-\\xff][\\x80-\\xff][\\x00-\\x7f]")
        parts.append(b"(?:" + b"|".join(ways) + b")")
    return re.compile(b"(?=([\\x02-\\x7f]" + b"".join(parts) + b"))", re.DOTALL)


def starts(data: bytes, looks: re.Pattern[bytes]) -> Iterator[int]:
    """Where a cell may begin whose record's header looks right: two numbers go before it."""
    for match in looks.finditer(data):
        header, found = match.start(), match[1]
        if found[0] != len(found):
            continue
        for before in range(2, 13):
            at = header - before
            if at < 8:
                break
            try:
                _, middle = fmt.varint(data, at)
                if middle < header and middle - at <= 4 and fmt.varint(data, middle)[1] == header:
                    yield at
            except FormatError:
                continue

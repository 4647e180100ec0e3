"""How the members of an archive are packed, seen before anything is unpacked.

The library unpacks ways that no backup of ours uses, some of which make gigabytes of a few bytes at once.
"""

from __future__ import annotations

import re
import struct

from db.backup.errors import ForeignArchiveError, NoFileError
from db.backup.manifest import MANIFEST, is_member

_SIGNATURE = re.compile(rb"PK(?:\x03\x04|\x01\x02)")
_LOCAL_BEGINS = b"PK\x03\x04"
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_IN_DIRECTORY = struct.Struct("<4sHHHHHHIIIHHHHHII")
_KIND, _FILE = 0o170000, 0o100000
_AES = 0x9901
_STORED, _DEFLATED, _AES_METHOD = 0, 8, 99
_LONGEST_NAME = 80
_LONGEST_EXTRA = 200
"""Ours have 40 bytes."""


class Headers:
    """Fed with all bytes of an archive in order. Looks at each local header (APPNOTE.TXT 4.3.7) and each one
    in the directory (4.3.12) of a member whose name is one of ours, wherever such bytes stand: other names
    are refused before they are unpacked.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Raises ForeignArchiveError."""
        data = self._rest + chunk
        for found in _SIGNATURE.finditer(data):
            look = _looked_at if found[0] == _LOCAL_BEGINS else _looked_at_in_directory
            if not look(data, found.start()):
                self._rest = data[found.start() :]
                return
        self._rest = data[-3:]


def _looked_at_in_directory(data: bytes, at: int) -> bool:
    """A link is not made by us, but by others who open the archive. False: its end has not come yet."""
    if len(data) - at < _IN_DIRECTORY.size:
        return False
    fields = _IN_DIRECTORY.unpack_from(data, at)
    name_size, attributes = fields[10], fields[15]
    if name_size > _LONGEST_NAME:
        return True
    begins = at + _IN_DIRECTORY.size
    if len(data) < begins + name_size:
        return False
    name = data[begins : begins + name_size].decode(errors="replace")
    if (name == MANIFEST or is_member(name)) and attributes >> 16 & _KIND not in (0, _FILE):
        raise NoFileError(name)
    return True


def _looked_at(data: bytes, at: int) -> bool:
    """False: its end has not come yet."""
    if len(data) - at < _LOCAL.size:
        return False
    *_, name_size, extra_size = _LOCAL.unpack_from(data, at)
    method = int(_LOCAL.unpack_from(data, at)[3])
    if name_size > _LONGEST_NAME:
        return True
    begins = at + _LOCAL.size + name_size
    if len(data) < begins:
        return False
    name = data[at + _LOCAL.size : begins].decode(errors="replace")
    if name != MANIFEST and not is_member(name):
        return True
    if extra_size > _LONGEST_EXTRA:
        raise _strange()
    if len(data) < begins + extra_size:
        return False
    if method == _AES_METHOD:
        method = _inner(data[begins : begins + extra_size])
    if method not in (_STORED, _DEFLATED):
        raise _strange()
    return True


def _inner(extra: bytes) -> int:
    """What is below the encryption (winzip.com, AE-2: the last two bytes of the field). The last field of
    that kind counts, as for the library."""
    found, at = -1, 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == _AES and size >= 7 and at + 11 <= len(extra):
            found = int.from_bytes(extra[at + 9 : at + 11], "little")
        at += 4 + size
    return found


def _strange() -> ForeignArchiveError:
    return ForeignArchiveError("it is made in a way that no backup is")

"""How the members of an archive are packed, seen before anything is unpacked.

The library unpacks ways that no backup of ours uses, some of which make gigabytes of a few bytes at once.
"""

from __future__ import annotations

import struct

from db.backup.errors import ForeignArchiveError
from db.backup.manifest import MANIFEST, is_member

_SIGNATURE = b"PK\x03\x04"
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_AES = 0x9901
_STORED, _DEFLATED, _AES_METHOD = 0, 8, 99
_LONGEST_NAME = 80
_LONGEST_EXTRA = 200
"""Ours have 40 bytes."""


class Headers:
    """Fed with all bytes of an archive in order. Looks at each local header (APPNOTE.TXT 4.3.7) of a member
    whose name is one of ours, wherever such bytes stand: other names are refused before they are unpacked.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Raises ForeignArchiveError."""
        data = self._rest + chunk
        at = data.find(_SIGNATURE)
        while at >= 0:
            if not _looked_at(data, at):
                self._rest = data[at:]
                return
            at = data.find(_SIGNATURE, at + 1)
        self._rest = data[-3:]


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

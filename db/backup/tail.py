"""The end of a ZIP, which a reader of streams does not look at: without it, other programs open nothing."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from db.backup.errors import AlteredError, TruncatedError

_END = struct.Struct("<4sHHHHIIH")
_LOCATOR = struct.Struct("<4sIQI")
_END_64 = struct.Struct("<4sQHHIIQQQQ")
_KEPT = _END.size + _LOCATOR.size + _END_64.size
_MANY = 0xFFFF


class Passed:
    """What has gone through: how many bytes, and the last ones."""

    def __init__(self) -> None:
        self.size = 0
        self._last = b""

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.size += len(chunk)
            self._last = (self._last + chunk[-_KEPT:])[-_KEPT:]
            yield chunk

    def check_end(self, members: int) -> None:
        """APPNOTE.TXT 4.3.14 to 4.3.16. Raises TruncatedError, AlteredError."""
        end = self._last[-_END.size :]
        if len(end) < _END.size or end[:4] != b"PK\x05\x06":
            raise TruncatedError
        count, size, start, comment = _END.unpack(end)[4:]
        if comment:
            raise AlteredError("its end has a comment")
        ends_at = self.size - _END.size
        if count == _MANY or start == 0xFFFFFFFF:
            count, size, start = self._end_64()
            ends_at -= _LOCATOR.size + _END_64.size
        if count != members:
            raise AlteredError("its end does not know all its members")
        if start + size != ends_at:
            raise AlteredError("its end does not fit")

    def _end_64(self) -> tuple[int, int, int]:
        if len(self._last) < _KEPT:
            raise TruncatedError
        found = _END_64.unpack_from(self._last)
        if found[0] != b"PK\x06\x06" or self._last[_END_64.size :][:4] != b"PK\x06\x07":
            raise AlteredError("its end cannot be read")
        return found[7], found[8], found[9]

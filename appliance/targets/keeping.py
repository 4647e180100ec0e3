"""A target on any folder that can be reached: written beside, read back, and only then called by its name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from appliance.targets.ports import Listed, Place, Stored, TargetError, Way
from db.backup.folder import PART
from db.backup.names import SUFFIX, host_of, made_at_of
from db.backup.progress import Progress, Tell

TEST = "callisto-test" + PART
TEXT = b"This file shows that backups can be written here. It may be deleted.\n"


class Keeping:
    """Fulfils `Target` on a folder that `way` leads to; each call goes there anew."""

    def __init__(self, way: Way) -> None:
        self._way = way

    def put(self, name: str, chunks: Iterable[bytes], tell: Tell) -> Stored:
        _ours(name)
        part = name + PART
        with self._way.open() as place:
            there = list(place.names())
            if name in there:
                raise TargetError(
                    f"there is a {name} on {self._way.words} already", "another second has another name"
                )
            _remove_left(place, there, name)
            try:
                stored = self._sent(place, part, chunks, tell)
                place.rename(part, name)
            except BaseException:
                with suppress(TargetError):
                    place.remove(part)
                raise
        return stored

    def names(self) -> Sequence[Listed]:
        with self._way.open() as place:
            found = [(at, name) for name in place.names() if (at := made_at_of(name))]
            return tuple(Listed(name, place.size(name), at) for at, name in sorted(found, reverse=True))

    def get(self, name: str) -> Iterator[bytes]:
        _ours(name)
        with self._way.open() as place:
            yield from place.read(name)

    def delete(self, name: str) -> None:
        _ours(name)
        with self._way.open() as place:
            place.remove(name)

    @contextmanager
    def file(self, name: str) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Anything else that is there: its size and what it has, for the time of a `with`."""
        with self._way.open() as place:
            if name not in place.names():
                raise TargetError(f"there is no {name[:100]} on {self._way.words}", "look there for its name")
            yield place.size(name), place.read(name)

    def test(self) -> Iterator[str]:
        with self._way.open() as place:
            known = self._way.trusted()
            yield f"{self._way.words} is reached" + (f", known by {known}" if known else "")
            count = sum(bool(made_at_of(name)) for name in place.names())
            yield f"its folder can be read; backups in it: {count}"
            try:
                place.write(TEST, [TEXT])
                if b"".join(place.read(TEST)) != TEXT:
                    raise self._damaged("what is read back is not what was sent")
                yield "a file can be written there, and is read back as it was"
            finally:
                with suppress(TargetError):
                    place.remove(TEST)
            if TEST in place.names():
                raise TargetError(
                    f"{self._way.words}: a file cannot be deleted", "give the user the right to delete there"
                )
            yield "a file can be deleted there"

    def _sent(self, place: Place, part: str, chunks: Iterable[bytes], tell: Tell) -> Stored:
        sent = _Counted(chunks, tell, "sends it", 0)
        place.write(part, sent)
        if (arrived := place.size(part)) != sent.size:
            raise self._damaged(f"of {sent.size:,} bytes {arrived:,} have arrived")
        back = _Counted(place.read(part), tell, "reads it back", sent.size)
        for _ in back:
            pass
        if (back.size, back.sha256) != (sent.size, sent.sha256):
            raise self._damaged("what is read back is not what was sent")
        return Stored(sent.size, sent.sha256)

    def _damaged(self, what: str) -> TargetError:
        return TargetError(f"{self._way.words}: {what}", "look if the disk there is full; then try again")


class _Counted:
    """Chunks as they go by, with their size and hash so far. `before`: bytes that were told of already."""

    def __init__(self, chunks: Iterable[bytes], tell: Tell, doing: str, before: int) -> None:
        self._chunks, self._tell, self._doing, self._before = chunks, tell, doing, before
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._digest.update(chunk)
            self.size += len(chunk)
            self._tell(Progress(self._before + self.size, 0, self._doing))
            yield chunk


def _ours(name: str) -> None:
    if made_at_of(name) is None:
        raise TargetError(
            f"{name[:80]!r} is no backup of this program", f"they are called callisto-HOST-TIME{SUFFIX}"
        )


def _remove_left(place: Place, there: Sequence[str], name: str) -> None:
    """What an upload of this machine left when it was cut short; others may be sending just now."""
    for each in there:
        whole = each.removesuffix(PART)
        if whole != each and host_of(whole) == host_of(name):
            place.remove(each)

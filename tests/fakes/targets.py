"""A place for backups in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from appliance.targets.ports import Place, TargetError


class FakeWay:
    """`files`: what is there. `room`: bytes that it takes before it is full; `rots`: it alters what it is
    given."""

    words = "the fake"

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.room = 1 << 40
        self.rots = False
        self.away = False

    @contextmanager
    def open(self) -> Iterator[Place]:
        if self.away:
            raise TargetError("the fake does not answer", "look if it runs")
        yield self

    def trusted(self) -> str:
        return ""

    def names(self) -> Iterable[str]:
        return list(self.files)

    def size(self, name: str) -> int:
        return len(self._there(name))

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        whole = b""
        for chunk in chunks:
            whole += chunk
            self.files[name] = whole
            if len(whole) > self.room:
                raise TargetError("the fake is full", "make room there")
        self.files[name] = bytes(reversed(whole)) if self.rots else whole

    def read(self, name: str) -> Iterator[bytes]:
        yield self._there(name)

    def rename(self, old: str, new: str) -> None:
        self.files[new] = self.files.pop(old)

    def remove(self, name: str) -> None:
        self._there(name)
        del self.files[name]

    def _there(self, name: str) -> bytes:
        if name not in self.files:
            raise TargetError(f"there is no {name}", "look at what is there")
        return self.files[name]

"""What a place for backups is to whoever carries them there. All of it blocks: for a thread of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from db.backup.progress import Tell
from shell.backup_ports import BackupRefusedError

TIMEOUT = 30.0
"""Seconds without a sign of life, after which a server is given up."""


class TargetError(BackupRefusedError):
    """What a target did not do. `hint`: the way out."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A backup that has arrived, as it was read back."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A backup of ours, of any machine. `at`: when it was made."""

    name: str
    size: int
    at: datetime


class Target(Protocol):
    """Everything raises TargetError."""

    def put(self, name: str, chunks: Iterable[bytes], tell: Tell) -> Stored:
        """Under that name there is the whole of it, read back, or nothing. `tell`: bytes sent and bytes read
        back, in one count."""

    def names(self) -> Sequence[Listed]:
        """The backups there, newest first; nothing else that is there."""

    def get(self, name: str) -> Iterator[bytes]: ...

    def delete(self, name: str) -> None:
        """A backup of ours only."""

    def test(self) -> Iterator[str]:
        """Each step as it has gone well: reached, logged in, written, read, removed."""


class Place(Protocol):
    """A folder that is open, for the time of a `with`. Everything raises TargetError."""

    def names(self) -> Iterable[str]:
        """Of all files in it."""

    def size(self, name: str) -> int: ...

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """What was there under that name is replaced."""

    def read(self, name: str) -> Iterator[bytes]: ...

    def rename(self, old: str, new: str) -> None: ...

    def remove(self, name: str) -> None: ...


class Way(Protocol):
    """How to get to a folder."""

    @property
    def words(self) -> str:
        """Where it is, for people; no secret is in it."""

    def open(self) -> AbstractContextManager[Place]: ...

    def trusted(self) -> str:
        """By what the other side was known when it was open last; empty where nothing is asked."""

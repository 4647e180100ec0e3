"""Who may write to a store's file, and who may put another file in its place: never both at once.

A lock file beside the store, held shared while a transaction writes and alone while the file is exchanged.
The kernel lets it go with the process that holds it, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.errors import StoreUnavailableError

POLL_S = 0.01
TURN_WITHIN = 30.0
_PATIENCE = ((0.005, 0.0005), (1.0, 0.0002), (TURN_WITHIN, 0.002))
"""Seconds that somebody has waited, up to which he asks every so many seconds: who came first asks more
often, but not all the time for what takes long."""


def lock_file(path: Path) -> Path:
    """It stays: removing it would be a race."""
    return path.with_name(path.name + ".exchange")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """While somebody writes to the store, one process after the other. Raises StoreUnavailableError while its
    file is being exchanged."""
    try:
        handle = os.open(lock_file(path), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:  # a folder that cannot be written: SQLite says it better
        yield
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreUnavailableError(
                f"the store {path} is being repaired or restored",
                hint="it can be read; repair status and restore status tell how far it is",
            ) from None
        _wait_for_turn(handle)
        yield
    finally:
        os.close(handle)


def _wait_for_turn(handle: int) -> None:
    """SQLite waits by sleeping ever longer, so that one of several writers may starve for seconds. Who has
    waited in vain for TURN_WITHIN goes on: SQLite itself still lets nobody write beside another.

    Open file description locks (fcntl(2)), which `flock` does not see: one byte is the turn, and who waits
    for it shares the other, so that nobody who comes later goes first."""
    began = time.monotonic()
    if not _is_waited_for(handle) and _lock(handle, fcntl.F_WRLCK, _TURN):
        return
    _lock(handle, fcntl.F_RDLCK, _QUEUE)
    while True:
        waited = time.monotonic() - began
        pause = next((every for upto, every in _PATIENCE if waited < upto), None)
        if pause is None:
            break
        time.sleep(pause)
        if _lock(handle, fcntl.F_WRLCK, _TURN):
            break
    _lock(handle, fcntl.F_UNLCK, _QUEUE)


_TURN, _QUEUE = 0, 1
_FLOCK = struct.Struct("hhqqi4x")
"""Its fields in their order: type, whence, start, length, pid."""


def _lock(handle: int, kind: int, byte: int) -> bool:
    """A file system without such locks has no turns."""
    try:
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0))
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True


def _is_waited_for(handle: int) -> bool:
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _QUEUE, 1, 0)
    try:
        found = fcntl.fcntl(handle, fcntl.F_OFD_GETLK, asked)
    except OSError:
        return False
    return bool(_FLOCK.unpack(found)[0] != fcntl.F_UNLCK)


@contextmanager
def exchanging(path: Path, within_s: float) -> Iterator[None]:
    """While no process of ours writes to the store. Raises StoreUnavailableError when writers, or another one
    who does the same, hold it longer than `within_s`; OSError when there can be no lock file."""
    handle = os.open(lock_file(path), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + within_s
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StoreUnavailableError(
                        f"the store {path} is being written, or repaired, by another process",
                        hint="try again when it is done",
                    ) from None
            time.sleep(POLL_S)
        yield
    finally:
        os.close(handle)

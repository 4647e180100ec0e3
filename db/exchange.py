"""Who may write to a store's file, and who may put another file in its place: never both at once.

A lock file beside the store, held shared while a transaction writes and alone while the file is exchanged.
The kernel lets it go with the process that holds it, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.errors import StoreUnavailableError

POLL_S = 0.01


def lock_file(path: Path) -> Path:
    """It stays: removing it would be a race."""
    return path.with_name(path.name + ".exchange")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """While somebody writes to the store. Raises StoreUnavailableError while its file is being exchanged."""
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
                f"the store {path} is being repaired",
                hint="it can be read; repair status tells how far it is",
            ) from None
        yield
    finally:
        os.close(handle)


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

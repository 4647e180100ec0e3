"""Where the control socket is: a file whose path may be longer than a socket address."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InUseError(Exception):
    """Another process answers on this socket."""


@contextmanager
def short(path: Path) -> Iterator[str]:
    """A name for `path` that fits into a socket address (108 bytes, unix(7)) however long the path is."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect(path: Path, timeout: float = 2.0) -> socket.socket:
    """A connected stream socket. Raises OSError when nobody answers."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        with short(path) as name:
            sock.connect(name)
    except BaseException:
        sock.close()
        raise
    return sock


def listen(path: Path) -> socket.socket:
    """A listening socket at `path`, for its owner alone (0600). A file left by a process that is gone is
    replaced; InUseError if somebody answers there."""
    if path.exists():
        _replace_dead(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short(path) as name:
            sock.bind(name)
        path.chmod(0o600)
        sock.listen(64)
    except BaseException:
        sock.close()
        raise
    return sock


def _replace_dead(path: Path) -> None:
    try:
        connect(path).close()
    except OSError:
        path.unlink(missing_ok=True)
        return
    raise InUseError(str(path))

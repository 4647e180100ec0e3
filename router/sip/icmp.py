"""What routers and hosts on the way say of datagrams that did not arrive: Linux's error queue, ip(7)."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_IP_RECVERR, _IPV6_RECVERR = 11, 25
_KINDS = frozenset({(socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)})
_ERROR = struct.Struct("=I4B2I")
"""struct sock_extended_err of linux/errqueue.h; the error number comes first."""
_UNREACHED = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOPROTOOPT})
_MOST = 64
_QUOTED = 2048
ENOUGH = 128
"""Bytes a report must quote of what was sent. The branch of a request is among them: whoever forges reports
from elsewhere cannot know it."""


@dataclass(frozen=True, slots=True)
class Unreached:
    """A datagram to `address` (as recvfrom gives it) that began with `quote` did not arrive."""

    address: tuple[Any, ...]
    quote: bytes
    error: int


def ask_for_reports(door: socket.socket) -> None:
    """From now on a report also fails the next call on `door`, whatever that call is about."""
    if door.family == socket.AF_INET:
        door.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    else:
        door.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)


def reports(door: socket.socket) -> Iterator[Unreached]:
    """Takes what waits off the queue; what is no plain "not reached" is left out."""
    for _ in range(_MOST):
        try:
            quote, notes, _, address = door.recvmsg(_QUOTED, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return
        for level, kind, data in notes:
            if (level, kind) in _KINDS and len(data) >= _ERROR.size:
                error = _ERROR.unpack_from(data)[0]
                if error in _UNREACHED:
                    yield Unreached(address, quote, error)

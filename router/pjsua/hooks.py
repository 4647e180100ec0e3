"""One callback of PJSUA2 taken out again: with it, an incoming call whose media cannot be made is a crash.

PJSUA2 always sets `on_create_media_transport`, and uses it to announce an incoming call before the call has
its media. When that then fails (no free port, a transport it does not know), PJSUA reads the call it has just
let go of (pjsua_call.c, pjsua_call_on_incoming). We use no transports of our own, so nobody misses it.
"""

from __future__ import annotations

import ctypes
import logging
from pathlib import Path

log = logging.getLogger(__name__)

_CALLBACK = "_ZN2pj8Endpoint25on_create_media_transportEijP17pjmedia_transportj"
_VARIABLES = "pjsua_var"
_POINTER = ctypes.sizeof(ctypes.c_void_p)


def announce_calls_late(library: ctypes.CDLL) -> bool:
    """After libInit: an incoming call is announced when its media is there. False if that cannot be done."""
    try:
        callback = ctypes.cast(getattr(library, _CALLBACK), ctypes.c_void_p).value or 0
        start = ctypes.addressof(ctypes.c_char.in_dll(library, _VARIABLES))
    except (AttributeError, ValueError):
        log.warning("this PJSUA2 is unknown: a leg whose media cannot be made may end this process")
        return False
    variables = ctypes.string_at(start, _end_of_mapping(start) - start)
    wanted = callback.to_bytes(_POINTER, "little")
    at = variables.find(wanted)
    while at % _POINTER and at >= 0:
        at = variables.find(wanted, at + 1)
    if at < 0:
        log.warning("PJSUA2 has no such callback: a leg whose media cannot be made may end this process")
        return False
    ctypes.c_void_p.from_address(start + at).value = None
    return True


def _end_of_mapping(address: int) -> int:
    for line in Path("/proc/self/maps").read_text().splitlines():
        low, _, high = line.split()[0].partition("-")
        if int(low, 16) <= address < int(high, 16):
            return int(high, 16)
    return address

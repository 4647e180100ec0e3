"""Keep PJSUA from building media for calls whose media goes from phone to phone.

After each offer and answer PJSUA creates streams, which cost CPU time and memory for nothing, and ends the
call when it has no codec for what the two phones agreed on. PJSIP's invite module asks PJSUA for that through
a table of callbacks (`struct mod_inv` in pjsip-ua/sip_inv.c); the library offers no switch, so the entry is
cleared there. The table has been the same from 2.10 to 2.17; where it looks different, nothing is touched.
"""

from __future__ import annotations

import ctypes

_CALLBACKS = (
    "on_state_changed",
    "on_new_session",
    "on_tsx_state_changed",
    "on_rx_offer",
    "on_rx_offer2",
    "on_rx_reinvite",
    "on_create_offer",
    "on_media_update",
    "on_send_ack",
    "on_redirected",
)
_UNUSED_BY_PJSUA = {"on_rx_offer", "on_send_ack"}
_LARGEST_LIBRARY = 1 << 26


class _Module(ctypes.Structure):
    _fields_ = (
        ("links", ctypes.c_void_p * 2),
        ("name", ctypes.POINTER(ctypes.c_char)),
        ("name_length", ctypes.c_long),
        ("id", ctypes.c_int),
        ("priority", ctypes.c_int),
        ("functions", ctypes.c_void_p * 9),
    )


class _Callbacks(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_void_p) for name in _CALLBACKS)


class _InviteModule(ctypes.Structure):
    _fields_ = (("module", _Module), ("endpoint", ctypes.c_void_p), ("callbacks", _Callbacks))


def stop_media(library: ctypes.CDLL) -> bool:
    """Whether calls are free of the library's media from now on. After libInit, before any call."""
    library.pjsip_inv_usage_instance.restype = ctypes.POINTER(_InviteModule)
    invites = library.pjsip_inv_usage_instance().contents
    if not _as_known(invites, ctypes.cast(library.pjsip_inv_usage_instance, ctypes.c_void_p).value or 0):
        return False
    invites.callbacks.on_media_update = None
    return True


def _as_known(invites: _InviteModule, code: int) -> bool:
    """Whether the module has its name, and PJSUA has filled just those entries, with code near `code`."""
    module, callbacks = invites.module, invites.callbacks
    if module.name_length != len("mod-invite") or module.name[: module.name_length] != b"mod-invite":
        return False
    entries = {name: getattr(callbacks, name) or 0 for name in _CALLBACKS}
    unused = {name for name, entry in entries.items() if not entry}
    return unused == _UNUSED_BY_PJSUA and all(
        abs(entry - code) < _LARGEST_LIBRARY for name, entry in entries.items() if name not in unused
    )

"""503 for whoever comes when every leg is taken: the library would say 486, which means a busy phone."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_BEFORE_THE_APPLICATION = 40
"""After dialogs have had what is theirs (PJSIP_MOD_PRIORITY_UA_PROXY_LAYER), before PJSUA's calls."""


class _Name(ctypes.Structure):
    _fields_ = (("ptr", ctypes.c_void_p), ("slen", ctypes.c_ssize_t))


_HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class _Offer(ctypes.Structure):
    """What `struct pjsip_rdata_sdp_info` (pjsip-ua/sip_inv.h) begins with."""

    _fields_ = (("body", _Name),)


class _Module(ctypes.Structure):
    """`struct pjsip_module` (pjsip/sip_module.h), the same in every 2.x."""

    _fields_ = (
        ("previous", ctypes.c_void_p),
        ("next", ctypes.c_void_p),
        ("name", _Name),
        ("id", ctypes.c_int),
        ("priority", ctypes.c_int),
        ("load", ctypes.c_void_p),
        ("start", ctypes.c_void_p),
        ("stop", ctypes.c_void_p),
        ("unload", ctypes.c_void_p),
        ("on_rx_request", _HANDLER),
        ("on_rx_response", ctypes.c_void_p),
        ("on_tx_request", ctypes.c_void_p),
        ("on_tx_response", ctypes.c_void_p),
        ("on_tsx_state", ctypes.c_void_p),
    )


class Doorkeeper:
    """Stands in the library's way while `full`. Made after libInit, by the thread that polls.

    `prepare` is called with the offer of each INVITE that is let in (empty for none), before it has media.
    """

    def __init__(self, library: ctypes.CDLL, prepare: Callable[[str], None]) -> None:
        self._prepare = prepare
        self.full = False
        self.refused = 0
        self._library = library
        library.pjsip_rx_data_get_info.restype = ctypes.c_char_p
        library.pjsip_rx_data_get_info.argtypes = (ctypes.c_void_p,)
        library.pjsua_get_pjsip_endpt.restype = ctypes.c_void_p
        library.pjsip_endpt_respond_stateless.argtypes = (
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_int,
            *[ctypes.c_void_p] * 3,
        )
        library.pjsip_rdata_get_sdp_info.restype = ctypes.POINTER(_Offer)
        library.pjsip_rdata_get_sdp_info.argtypes = (ctypes.c_void_p,)
        self._name = ctypes.create_string_buffer(b"mod-doorkeeper")
        self._handler = _HANDLER(self._requested)
        self._module = _Module(
            name=_Name(ctypes.addressof(self._name), len(self._name.value)),
            id=-1,
            priority=_BEFORE_THE_APPLICATION,
            on_rx_request=self._handler,
        )
        self._endpoint = ctypes.c_void_p(library.pjsua_get_pjsip_endpt())
        library.pjsip_endpt_register_module(self._endpoint, ctypes.byref(self._module))

    def close(self) -> None:
        self._library.pjsip_endpt_unregister_module(self._endpoint, ctypes.byref(self._module))

    def _requested(self, request: int) -> int:
        """Whether the request is dealt with."""
        if not self._library.pjsip_rx_data_get_info(request).startswith(b"Request msg INVITE/"):
            return 0
        if not self.full:
            self._prepare(self._offer(request))
            return 0
        self.refused += 1
        self._library.pjsip_endpt_respond_stateless(self._endpoint, request, 503, None, None, None)
        return 1

    def _offer(self, request: int) -> str:
        found = self._library.pjsip_rdata_get_sdp_info(request)
        body = found.contents.body if found else None
        return (
            ctypes.string_at(body.ptr, body.slen).decode(errors="replace") if body and body.slen > 0 else ""
        )

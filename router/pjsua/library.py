"""The PJSUA2 library of this process: started once, polled by one thread, stopped once."""

from __future__ import annotations

import ctypes
import gc
import logging
import re
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pjsua2 as pj

from router.pjsua.neighbours import WILDCARDS, local_address
from router.pjsua.no_media import stop_media

log = logging.getLogger(__name__)

_WARNINGS = 2
_WARNINGS_A_SECOND = 5
_LARGER_THAN_CALL_INFO = 1 << 17  # pjsua_call_info has less than 16 KB
_ELSEWHERE = "192.0.2.1"  # RFC 5737: no machine has it, so the default route answers
_ADDRESS_IN_USE = 120000 + 98  # PJ_STATUS_FROM_OS(EADDRINUSE)


class EngineError(Exception):
    """The SIP engine cannot start. `hint` says what to do."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(f"{problem}: {hint}")
        self.hint = hint


class _Warnings(pj.LogWriter):  # type: ignore[misc]
    """Keep the library's warnings until the loop has time for them, a few a second: strangers cause most."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[str] = []
        self._dropped = 0
        self._next = 0.0

    def write(self, entry: Any) -> None:
        if len(self._waiting) < _WARNINGS_A_SECOND:
            self._waiting.append(entry.msg)
        else:
            self._dropped += 1

    def hand_over(self, now: float) -> None:
        if not self._waiting or now < self._next:
            return
        self._next = now + 1.0
        for message in self._waiting:
            first = message.strip().partition("\n")[0]
            log.warning("pjsip: %s", "".join(char for char in first[:200] if char.isprintable()))
        if self._dropped:
            log.warning("pjsip: %d more warnings within the second", self._dropped)
        self._waiting.clear()
        self._dropped = 0


class Library:
    """One PJSUA2 endpoint with a UDP and a TCP transport and one account for every call.

    Everything here, callbacks and destruction included, belongs to the thread that made it.
    """

    def __init__(self, listen: str, port: int, account: Callable[[], Any], most_legs: int) -> None:
        """Raise EngineError when the port is taken or the address is not ours."""
        self._c = _exported_functions()
        self._c.pj_log_set_level(0)  # the library's first lines would go to stdout
        _keep_to_udp(self._c)
        self._warnings = _Warnings()
        self._endpoint = pj.Endpoint()
        self._endpoint.libCreate()
        try:
            self._endpoint.libInit(_endpoint_config(self._warnings, most_legs))
            self.any_codec = hasattr(self._c, "pjsua_media_prov_revert") and stop_media(self._c)
            if not self.any_codec:
                log.warning("this PJSUA2 is unknown: calls are limited to the codecs it was built with")
            self._listen(listen, port)
            self._endpoint.audDevManager().setNoDev()
            self._endpoint.libStart()
            self.account = account()
            self.account.create(_account_config(listen, port))
        except pj.Error as exc:
            self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)
            raise _refusal(exc, listen, port) from None
        self.version: str = self._endpoint.libVersion().full
        self._scratch = ctypes.create_string_buffer(_LARGER_THAN_CALL_INFO)
        self.holder: Callable[[int], int | None] = self._c.pjsua_call_get_user_data
        """Address of the Call object that the leg in a slot is reported to."""
        self.capacity: int = self._c.pjsua_call_get_max_count()

    def lingers(self, slot: int) -> bool:
        """Whether the slot is taken by a leg that no Call object hears of: one that we have ended."""
        return self.holder(slot) is None and not self._c.pjsua_call_get_info(slot, self._scratch)

    def detach(self, slot: int) -> None:
        """Let no Call object hear of the slot."""
        self._c.pjsua_call_set_user_data(slot, None)

    @property
    def passes_max_forwards(self) -> bool:
        """Since 2.16 the header may be given for an INVITE; before, there would be two (pjproject#4473)."""
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:2]) >= (2, 16)

    @property
    def build(self) -> str:
        return "large" if Path(pj.__file__).with_name("_build.json").exists() else "stock wheel"

    def attach(self, slot: int, call: int) -> None:
        """Let the Call object at address `call` carry the leg in `slot` from now on."""
        self._c.pjsua_call_set_user_data(slot, call)
        pj.Call.lookup(slot)  # writes the slot into the object

    def settle(self, slot: int) -> None:
        """Drop the media that the library has prepared for the offer and answer just exchanged.

        Without `on_media_update` it would wait for it to be used, and refuse the next re-INVITE meanwhile.
        """
        if self.any_codec:
            self._c.pjsua_media_prov_revert(slot)

    def poll(self, milliseconds: int) -> int:
        """Wait for the network or a timer of the library, run callbacks; the number of events."""
        events = self._endpoint.libHandleEvents(milliseconds)
        self._warnings.hand_over(time.monotonic())
        return int(events)

    def hang_up_all(self) -> None:
        self._endpoint.hangupAllCalls()

    def close(self) -> None:
        """Every Call object must be gone by now: one that outlives the library aborts the process."""
        self.account.shutdown()
        del self.account
        gc.collect()
        self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_RX_MSG)
        del self._endpoint

    def _listen(self, listen: str, port: int) -> None:
        udp, tcp = pj.TransportConfig(), pj.TransportConfig()
        for transport in (udp, tcp):
            transport.port = port
            if listen not in WILDCARDS:
                transport.boundAddress = listen
            else:
                transport.publicAddress = local_address(_ELSEWHERE)  # else PJSIP asks the resolver
        reuse = pj.SockOpt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after a crash, not after TIME_WAIT
        tcp.sockOptParams.sockOpts.push_back(reuse)
        self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, udp)
        self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_TCP, tcp)


def _exported_functions() -> ctypes.CDLL:
    """The C side of the extension module, for what PJSUA2 does not offer."""
    loaded = [name for name in sys.modules if name.endswith("_pjsua2")]
    library = ctypes.CDLL(str(sys.modules[loaded[0]].__file__))
    library.pjsua_call_get_user_data.restype = ctypes.c_void_p
    library.pjsua_call_set_user_data.argtypes = (ctypes.c_int, ctypes.c_void_p)
    return library


def _keep_to_udp(library: ctypes.CDLL) -> None:
    """Send a long INVITE to a UDP target by UDP.

    PJSIP would try TCP first (RFC 3261 section 18.1.1), even for transport=udp, and wait 30 s for a phone
    whose TCP port is silent. `pjsip_cfg()->endpt.disable_tcp_switch` is the fifth flag of that structure.
    """
    flags = (ctypes.c_int * 5).in_dll(library, "pjsip_sip_cfg_var")
    if all(flag in (0, 1) for flag in flags):
        flags[4] = 1


def _endpoint_config(warnings: _Warnings, most_legs: int) -> Any:
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.maxCalls = most_legs  # cut down to what the library was built for
    config.uaConfig.userAgent = "Callisto"
    config.uaConfig.mwiUnsolicitedEnabled = False
    config.logConfig.level = config.logConfig.consoleLevel = _WARNINGS
    config.logConfig.decor = 0
    config.logConfig.writer = warnings
    warnings.__disown__()  # libDestroy deletes it
    config.medConfig.clockRate = 8000
    config.medConfig.noVad = True
    config.medConfig.ecTailLen = 0
    config.medConfig.hasIoqueue = False
    config.medConfig.threadCnt = 0
    return config


def _account_config(listen: str, port: int) -> Any:
    config = pj.AccountConfig()
    host = listen if listen not in WILDCARDS else local_address(_ELSEWHERE)
    config.idUri = f"sip:callisto@{host}:{port}"
    config.mediaConfig.useLoopMedTp = True  # the media goes from phone to phone: no sockets here
    config.mediaConfig.ipv6Use = pj.PJSUA_IPV6_DISABLED  # else one DNS look-up per outgoing call
    config.mediaConfig.lockCodecEnabled = False  # else a re-INVITE when an answer has two codecs
    config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_DISABLED
    config.callConfig.prackUse = pj.PJSUA_100REL_NOT_USED
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_ALWAYS  # a far end that vanished frees its slot
    config.natConfig.iceEnabled = False
    config.natConfig.sdpNatRewriteUse = 0
    config.natConfig.viaRewriteUse = 0
    config.natConfig.contactRewriteUse = 0
    return config


def _refusal(error: Any, listen: str, port: int) -> EngineError:
    if error.status == _ADDRESS_IN_USE:
        return EngineError(f"sip_port {port} on {listen} is in use", "stop the other user or change sip_port")
    return EngineError(f"cannot serve SIP on {listen}:{port} ({error.reason})", "check listen and sip_port")

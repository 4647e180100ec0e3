"""PJSUA2 as the media server uses it: SIP on loopback, RTP where the appliance listens, a bridge."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import re
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pjsua2 as pj

from router.pjsua.crowd import Doorkeeper
from router.pjsua.hooks import announce_calls_late

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
WILDCARDS = ("", "0.0.0.0")
CLOCK = 8000
"""Hz of the bridge. What has another rate needs a resampler, which the large build lacks."""
_WARNINGS = 2
_WARNINGS_A_SECOND = 5
_ELSEWHERE = "192.0.2.1"  # RFC 5737: no machine has it, so the default route answers
_ADDRESS_IN_USE = 120000 + 98  # PJ_STATUS_FROM_OS(EADDRINUSE)
_CONNECTION = re.compile(r"^c=IN IP4 (\d+\.\d+\.\d+\.\d+)\s*$", re.MULTILINE)
LINGER = 1.0
"""PJ_IOQUEUE_KEY_FREE_DELAY is 0.5 s, and its thread has to notice."""
_UNHURRIED_NS = 90_000_000
_PR_SET_TIMERSLACK = 29  # prctl(2)
_SPARE_HANDLES = 4
_SPARE_DESCRIPTORS = 60
_OURS: dict[str, int] = {
    "off": pj.PJMEDIA_SRTP_DISABLED,
    "offer": pj.PJMEDIA_SRTP_OPTIONAL,
    "require": pj.PJMEDIA_SRTP_MANDATORY,
}


class EngineError(Exception):
    """The media engine cannot start. `hint` says what to do."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(f"{problem}: {hint}")
        self.hint = hint


class _Warnings(pj.LogWriter):  # type: ignore[misc]
    """Keep the library's warnings until the loop has time for them, a few a second."""

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


class Endpoint:
    """The library of this process: started once, polled by one thread, stopped once.

    RTP is received by a thread of the library and mixed by another; neither runs Python.
    """

    def __init__(
        self, listen: str, port: int, rtp_ports: range, account: Callable[[], Any], most_legs: int
    ) -> None:
        """Serve SIP on UDP at 127.0.0.1:`port`, RTP on `listen`. Raise EngineError if that cannot be."""
        self._everywhere = listen in WILDCARDS
        self._c = exported_functions()
        self._c.pj_log_set_level(0)  # the library's first lines would go to stdout
        allowed = min(most_legs, len(rtp_ports) // 2, _descriptors() // 2)
        self._warnings = _Warnings()
        self._endpoint = pj.Endpoint()
        self._endpoint.libCreate()
        try:
            with _unhurried_threads():
                self._endpoint.libInit(_endpoint_config(self._warnings, allowed))
            self.capacity = min(allowed, int(self._c.pjsua_call_get_max_count()))
            announce_calls_late(self._c)
            self._doorkeeper = Doorkeeper(self._c, self._prepare)
            self._listen(port)
            self._endpoint.audDevManager().setNullDev()
            self._endpoint.libStart()
            self.codecs = self._choose_codecs()
            self.account = account()
            self._settings = _account_config(listen, port, rtp_ports)
            self.account.create(self._settings)
        except pj.Error as exc:
            self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)
            raise _refusal(exc, port) from None
        self.version: str = self._endpoint.libVersion().full

    @property
    def build(self) -> str:
        return "large" if Path(pj.__file__).with_name("_build.json").exists() else "stock wheel"

    @property
    def refused(self) -> int:
        """INVITEs that were answered 503 because there was no room."""
        return self._doorkeeper.refused

    @property
    def most_sockets(self) -> int:
        """RTP and RTCP sockets at a time. One more aborts the stock wheel, and one that was closed counts for
        LINGER seconds."""
        return 16000 if self.build == "large" else 64 - _SPARE_HANDLES

    def attach(self, slot: int, call: int) -> None:
        """Let the Call object at address `call` carry the leg in `slot` from now on."""
        self._c.pjsua_call_set_user_data(slot, call)

    def holds(self, slot: int, call: int) -> bool:
        """Whether the library still reports the leg in `slot` to that Call object."""
        return bool(self._c.pjsua_call_get_user_data(slot) == call)

    @contextlib.contextmanager
    def offering(self, srtp: str) -> Iterator[None]:
        """Inside, an offer of ours is made with SRTP as `srtp` says: off, offer or require."""
        # PJSUA2 has no such setting for a call; nothing else comes in meanwhile, since nobody polls.
        self._use_srtp(_OURS[srtp])
        try:
            yield
        finally:
            self._use_srtp(_OURS["offer"])

    def _use_srtp(self, use: int) -> None:
        if self._settings.mediaConfig.srtpUse != use:
            self._settings.mediaConfig.srtpUse = use
            self.account.modify(self._settings)

    def _prepare(self, offer: str) -> None:
        """When listening everywhere, show who offers the address that he has a route to."""
        if not self._everywhere:
            return
        address = address_for(offer)
        if self._settings.mediaConfig.transportConfig.publicAddress != address:
            self._settings.mediaConfig.transportConfig.publicAddress = address
            self.account.modify(self._settings)

    def close_door(self, *, full: bool) -> None:
        """While `full`, every new INVITE is answered 503."""
        self._doorkeeper.full = full

    def respond(self, transaction: int, request: int, status: int) -> None:
        """Answer a request in a dialog that the library would leave unanswered; inside its callback only."""
        data = ctypes.c_void_p()
        end = ctypes.c_void_p(self._c.pjsua_get_pjsip_endpt())
        asked = ctypes.c_void_p(request)
        if not self._c.pjsip_endpt_create_response(end, asked, status, None, ctypes.byref(data)):
            self._c.pjsip_tsx_send_msg(ctypes.c_void_p(transaction), data)

    def poll(self, milliseconds: int) -> int:
        """Wait for the network or a timer of the library, run callbacks; the number of events."""
        events = self._endpoint.libHandleEvents(milliseconds)
        self._warnings.hand_over(time.monotonic())
        return int(events)

    def hang_up_all(self) -> None:
        self._endpoint.hangupAllCalls()

    def close(self) -> None:
        """Every Call and player must be gone by now: one that outlives the library aborts the process."""
        self._doorkeeper.close()
        self.account.shutdown()
        del self.account
        gc.collect()
        self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_RX_MSG)
        del self._endpoint

    def _listen(self, port: int) -> None:
        transport = pj.TransportConfig()
        transport.port = port
        transport.boundAddress = LOOPBACK
        self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)

    def _choose_codecs(self) -> tuple[str, ...]:
        """Only what the bridge can mix, in this order."""
        wanted = ["PCMU/8000", "PCMA/8000"]
        if self._resamples():
            wanted.append("G722/16000")
        known = [codec.codecId for codec in self._endpoint.codecEnum2()]
        if any(codec.startswith("opus/") for codec in known):
            with contextlib.suppress(pj.Error):
                opus = self._endpoint.getCodecOpusConfig()
                opus.sample_rate, opus.channel_cnt = CLOCK, 1
                self._endpoint.setCodecOpusConfig(opus)
                wanted.append("opus/48000")
        chosen: list[str] = []
        for codec in known:
            rank = next((index for index, name in enumerate(wanted) if codec.startswith(name)), None)
            self._endpoint.codecSetPriority(codec, 0 if rank is None else 250 - rank)
            if rank is not None:
                chosen.append(codec)
        return tuple(sorted(chosen, key=lambda codec: wanted.index(codec.rpartition("/")[0])))

    def _resamples(self) -> bool:
        pool, made = ctypes.c_void_p(self._c.pjsua_pool_create(b"probe", 4000, 4000)), ctypes.c_void_p()
        failed = self._c.pjmedia_resample_create(pool, 1, 0, 1, 16000, CLOCK, 320, ctypes.byref(made))
        if not failed:
            self._c.pjmedia_resample_destroy(made)
        self._c.pj_pool_release(pool)
        return not failed


@contextlib.contextmanager
def _unhurried_threads() -> Iterator[None]:
    """Threads that are started inside may be woken later than they ask for when nothing happens. The one that
    waits for RTP asks to be woken a hundred times a second; what comes wakes it at once all the same."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(_UNHURRIED_NS))
    try:
        yield
    finally:
        prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(0))  # ours as it was


def local_address(towards: str = _ELSEWHERE) -> str:
    """Our address on the way to `towards`; the machine's own addresses lead to themselves."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, 5060))
        except OSError:
            return LOOPBACK
        return str(probe.getsockname()[0])


def address_for(description: str) -> str:
    """Our address on the way to where a description wants to hear; the default route's if it does not say."""
    far = _CONNECTION.findall(description)
    known = [address for address in far if address != "0.0.0.0"]
    return local_address(known[-1]) if known else local_address()


def exported_functions() -> ctypes.CDLL:
    """The C side of the extension module, for what PJSUA2 does not offer."""
    _ = pj.Endpoint  # the stock wheel loads its C side at the first use
    loaded = [name for name in sys.modules if name.endswith("_pjsua2")]
    library = ctypes.CDLL(str(sys.modules[loaded[0]].__file__))
    pointer = ctypes.c_void_p
    library.pjsua_call_get_user_data.restype = pointer
    library.pjsua_call_set_user_data.argtypes = (ctypes.c_int, pointer)
    library.pjsua_get_pjsip_endpt.restype = pointer
    library.pjsua_pool_create.restype = pointer
    library.pjsua_pool_create.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t)
    library.pj_pool_release.restype = None
    library.pjmedia_resample_create.argtypes = (pointer, *[ctypes.c_int] * 2, *[ctypes.c_uint] * 4, pointer)
    library.pjmedia_resample_destroy.restype = None
    return library


def _descriptors() -> int:
    """Sockets this process may have, after asking for as many as it is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = (1 << 20) if hard == resource.RLIM_INFINITY else hard
    return max(8, most - _SPARE_DESCRIPTORS)


def _endpoint_config(warnings: _Warnings, legs: int) -> Any:
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True  # what RTP's thread has to report waits for `poll`
    config.uaConfig.maxCalls = legs  # each slot keeps the memory of its largest call: no more than are used
    config.uaConfig.userAgent = "Callisto media"
    config.uaConfig.mwiUnsolicitedEnabled = False
    config.logConfig.level = config.logConfig.consoleLevel = _WARNINGS
    config.logConfig.decor = 0
    config.logConfig.writer = warnings
    warnings.__disown__()  # libDestroy deletes it
    config.medConfig.clockRate = CLOCK
    config.medConfig.sndClockRate = CLOCK
    config.medConfig.channelCount = 1
    config.medConfig.maxMediaPorts = max(config.medConfig.maxMediaPorts, 2 * legs + 2)
    config.medConfig.noVad = True
    config.medConfig.ecTailLen = 0
    config.medConfig.hasIoqueue = True
    config.medConfig.threadCnt = 1
    return config


def _account_config(listen: str, port: int, rtp_ports: range) -> Any:
    config = pj.AccountConfig()
    config.idUri = f"sip:media@{LOOPBACK}:{port}"
    media = config.mediaConfig
    media.transportConfig.port = rtp_ports[0]
    media.transportConfig.portRange = len(rtp_ports) - 2
    if listen in WILDCARDS:
        media.transportConfig.publicAddress = local_address()  # else PJSIP asks the resolver
    else:
        media.transportConfig.boundAddress = listen
        media.transportConfig.publicAddress = listen
    media.ipv6Use = pj.PJSUA_IPV6_DISABLED
    media.lockCodecEnabled = False  # else a re-INVITE when an answer has two codecs
    media.srtpUse = pj.PJMEDIA_SRTP_OPTIONAL  # an offer of theirs decides; ours: `offering`
    media.srtpSecureSignaling = 0
    keyings = pj.IntVector()
    keyings.push_back(pj.PJMEDIA_SRTP_KEYING_SDES)
    media.srtpOpt.keyings = keyings
    config.callConfig.prackUse = pj.PJSUA_100REL_NOT_USED
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_INACTIVE
    config.natConfig.iceEnabled = False
    config.natConfig.sdpNatRewriteUse = 0
    config.natConfig.viaRewriteUse = 0
    config.natConfig.contactRewriteUse = 0
    return config


def _refusal(error: Any, port: int) -> EngineError:
    if error.status == _ADDRESS_IN_USE:
        return EngineError(
            f"media_port {port} on {LOOPBACK} is in use", "stop the other user or change media_port"
        )
    return EngineError(
        f"cannot serve media on {LOOPBACK}:{port} ({error.reason})", "check listen and rtp_ports"
    )

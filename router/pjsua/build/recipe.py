"""What the large PJSUA2 is: its limits, its switches, its names. Pure values; their digest keys the cache."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DISTRIBUTION = "pjsua2-python"
"""The PyPI wheel's name, so that either build replaces the other."""

LEGS = 2048

LIMITS: Mapping[str, int] = MappingProxyType(
    {
        "PJSUA_MAX_CALLS": LEGS,
        "PJSUA_MAX_ACC": 256,
        "PJSUA_MAX_PLAYERS": 256,
        "PJSUA_MAX_RECORDERS": 64,
        "PJSUA_MAX_CONF_PORTS": 4400,
        # Both, or TCP peers stop being accepted at the smaller of the two (asterisk/asterisk#2011).
        "PJ_IOQUEUE_MAX_HANDLES": 16000,
        "PJSIP_MAX_TRANSPORTS": 16000,
        "PJSIP_MAX_TSX_COUNT": 16383,
        "PJSIP_MAX_DIALOG_COUNT": 16383,
        "PJSIP_MAX_PKT_LEN": 16000,
        "PJSIP_UDP_SO_RCVBUF_SIZE": 4194304,
        "PJSIP_UDP_SO_SNDBUF_SIZE": 4194304,
        "PJSIP_MAX_NET_EVENTS": 10,
        "PJSUA2_MAX_SDP_BUF_LEN": 16384,
        # The default of 68 silently cuts an offer with many candidates or formats.
        "PJMEDIA_MAX_SDP_ATTR": 256,
        "PJMEDIA_HAS_VIDEO": 0,
        "PJSUA_HAS_VIDEO": 0,
        "PJ_HAS_IPV6": 1,
    }
)

SWITCHES = (
    "--disable-shared",
    "--disable-sound",
    "--disable-video",
    "--enable-epoll",
    "--with-external-srtp",
    # Debian removes the bundled sources of these; what is left is named, so that a stray
    # library on the building machine changes nothing.
    "--disable-speex-codec",
    "--disable-speex-aec",
    "--disable-ilbc-codec",
    "--disable-g7221-codec",
    "--disable-gsm-codec",
    "--disable-libwebrtc",
    "--disable-libwebrtc-aec3",
    "--disable-libyuv",
    "--disable-resample",
    "--disable-upnp",
    "--disable-v4l2",
    "--disable-openh264",
    "--disable-ffmpeg",
    "--disable-sdl",
    "--disable-vpx",
    "--disable-opencore-amr",
    "--disable-silk",
    "--disable-bcg729",
    "--disable-lyra",
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that changes the binary, except the sources and the Python it is for."""

    limits: Mapping[str, int] = field(default_factory=lambda: dict(LIMITS))
    switches: tuple[str, ...] = SWITCHES
    # As Debian builds its own: text from the network that smashes a stack ends the process, and runs nothing.
    hardening: tuple[str, ...] = (
        "-fstack-protector-strong",
        "-fstack-clash-protection",
        "-D_FORTIFY_SOURCE=2",
    )
    linker_flags: tuple[str, ...] = ("-Wl,-z,relro", "-Wl,-z,now")
    # NDEBUG: a misuse becomes an error that the router can handle, not an abort of the process.
    library_flags: tuple[str, ...] = ("-fPIC", "-O2", "-DNDEBUG")
    # The wrapper only converts arguments: -O1 compiles it in half the time and calls cost the same.
    wrapper_flags: tuple[str, ...] = ("-fPIC", "-O1", "-DNDEBUG", "-w")
    swig_flags: tuple[str, ...] = ("-c++", "-python", "-threads", "-doxygen", "-w312")
    # Reached through ctypes for diagnosis; nothing in the wrapper refers to it.
    kept_symbols: tuple[str, ...] = ("pj_dump_config",)
    packing: int = 1
    """Raise when the wheel's layout changes."""

    @property
    def legs(self) -> int:
        return self.limits["PJSUA_MAX_CALLS"]

    def digest(self) -> str:
        """Twelve hex digits that differ whenever the binary or the wheel would."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def config_site(self) -> str:
        """pjlib/include/pj/config_site.h"""
        return "".join(f"#define {name} {value}\n" for name, value in self.limits.items())

    def version(self, pjproject: str) -> str:
        """Version of the distribution: `2.17+legs2048` for pjproject 2.17."""
        return f"{pjproject}+legs{self.legs}"

"""A phone's speech on loopback: it says a tone by RTP, hears tones by content, presses digits (RFC 4733)."""

from __future__ import annotations

import contextlib
import math
import re
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

HOST = "127.0.0.1"
RATE = 8000
FRAME = 160
FRAME_S = FRAME / RATE
PCMU, PCMA, EVENT = 0, 8, 101
DIGITS = "0123456789*#ABCD"
_WINDOW = 20
"""Packets of the newest speech that are listened to: 0.4 s."""
_THERE, _SILENT = 0.5, 200.0


def from_ulaw(byte: int) -> int:
    byte = ~byte & 0xFF
    magnitude = ((((byte & 0x0F) << 3) + 0x84) << (byte >> 4 & 7)) - 0x84
    return -magnitude if byte & 0x80 else magnitude


def from_alaw(byte: int) -> int:
    byte ^= 0x55
    exponent, mantissa = byte >> 4 & 7, byte & 0x0F
    magnitude = (mantissa << 4) + 8 if not exponent else ((mantissa << 4) + 0x108) << (exponent - 1)
    return magnitude if byte & 0x80 else -magnitude


_DECODE = {
    PCMU: [from_ulaw(byte) for byte in range(256)],
    PCMA: [from_alaw(byte) for byte in range(256)],
}


def encoded(samples: list[int], kind: int) -> bytes:
    """The nearest G.711 byte for each sample."""
    table = _DECODE[kind]
    nearest: dict[int, int] = {}
    for sample in set(samples):
        nearest[sample] = min(range(256), key=lambda byte: abs(table[byte] - sample))
    return bytes(nearest[sample] for sample in samples)


def tone(hertz: int, seconds: float, rate: int = RATE, level: int = 8000) -> list[int]:
    return [int(level * math.sin(2 * math.pi * hertz * n / rate)) for n in range(int(seconds * rate))]


def strength(samples: list[int], hertz: int, rate: int = RATE) -> float:
    """How much of the sound is a tone of that frequency: 1.0 for nothing else (Goertzel)."""
    energy = sum(sample * sample for sample in samples)
    if not samples or energy < len(samples) * _SILENT * _SILENT:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * hertz / rate)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + coefficient * last - before
    power = last * last + before * before - coefficient * last * before
    return 2 * power / (energy * len(samples))


def loudness(samples: list[int]) -> float:
    return math.sqrt(sum(sample * sample for sample in samples) / len(samples)) if samples else 0.0


@dataclass
class Voice:
    """One RTP socket. `hertz` must be a multiple of 50, so that every frame of 20 ms is the same."""

    sock: socket.socket
    hertz: int
    kind: int = PCMU
    to: tuple[str, int] | None = None
    speaking: bool = True
    received: int = 0
    heard: deque[list[int]] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    pressed: list[str] = field(default_factory=list)
    """Digits received."""
    _keys: deque[tuple[int, bytes]] = field(default_factory=deque)
    _last_event: int = -1
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    def sdp(self, *, direction: str = "sendrecv", events: bool = True, address: str = HOST) -> str:
        """Serves as an offer and as an answer: one codec."""
        name = {PCMU: "PCMU", PCMA: "PCMA"}[self.kind]
        return (
            f"v=0\r\no=- 17 {time.monotonic_ns()} IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
            f"m=audio {self.port} RTP/AVP {self.kind}{f' {EVENT}' if events else ''}\r\n"
            f"a=rtpmap:{self.kind} {name}/8000\r\n"
            + (f"a=rtpmap:{EVENT} telephone-event/8000\r\na=fmtp:{EVENT} 0-15\r\n" if events else "")
            + f"a={direction}\r\n"
        )

    def towards(self, sdp: str) -> None:
        """Speak to where that description says."""
        self.to = where(sdp)

    def press(self, digit: str) -> None:
        """Send a digit as RFC 4733: seven packets, the last three say that it has ended."""
        event = DIGITS.index(digit)
        for step in range(7):
            duration = FRAME * min(step + 1, 5)
            self._keys.append((int(step == 0), struct.pack("!BBH", event, 0x80 * (step >= 4) | 10, duration)))

    def hears(self, hertz: int) -> float:
        return strength(self._sound(), hertz)

    def until_hears(self, hertz: int, within: float = 5.0, *, share: float = _THERE) -> None:
        """`share` of the sound is a tone of that frequency."""
        _until(lambda: self.hears(hertz) > share, within, lambda: f"no {hertz} Hz: {self._state()}")

    def until_silence(self, within: float = 5.0) -> None:
        """Silence comes, or no packets at all."""

        def quiet() -> bool:
            count = self.received
            self._stop.wait(0.15)
            return self.received == count or loudness(self._sound()[-4 * FRAME :]) < _SILENT

        _until(quiet, within, lambda: f"no silence: {self._state()}")

    def until_received(self, count: int, within: float = 5.0) -> None:
        """That many packets of speech."""
        _until(lambda: self.received >= count, within, self._state)

    def until_pressed(self, digits: str, within: float = 5.0) -> None:
        _until(lambda: "".join(self.pressed) == digits, within, lambda: f"digits {self.pressed}")

    def forget(self) -> None:
        self.heard.clear()

    def run(self) -> None:
        """Send a frame every 20 ms, take in what comes."""
        frame = encoded(tone(self.hertz, FRAME_S), self.kind)
        quiet = encoded([0] * FRAME, self.kind)
        sequence, stamp, event_stamp, due = 0, 0, 0, time.monotonic()
        while not self._stop.is_set():
            wait = max(0.0, due - time.monotonic())
            if select.select([self.sock], [], [], wait)[0]:
                self._take(self.sock.recv(2048))
                continue
            due += FRAME_S
            stamp += FRAME
            if self.to is None:
                continue
            if self._keys:
                first, event = self._keys.popleft()
                event_stamp = stamp if first else event_stamp
                head = struct.pack("!BBHII", 0x80, EVENT | 0x80 * first, sequence, event_stamp, 7)
                packet = head + event
            else:
                packet = struct.pack("!BBHII", 0x80, self.kind, sequence, stamp, 7)
                packet += frame if self.speaking else quiet
            sequence = (sequence + 1) & 0xFFFF
            if self.speaking or self._keys or packet[1] & 0x7F == EVENT:
                with contextlib.suppress(OSError):
                    self.sock.sendto(packet, self.to)

    def _take(self, packet: bytes) -> None:
        kind, stamp = packet[1] & 0x7F, struct.unpack_from("!I", packet, 4)[0]
        if kind == EVENT:
            if stamp != self._last_event:
                self.pressed.append(DIGITS[packet[12]])
            self._last_event = stamp
        elif kind in _DECODE:
            self.received += 1
            table = _DECODE[kind]
            self.heard.append([table[byte] for byte in packet[12:]])

    def _sound(self) -> list[int]:
        return [sample for frame in list(self.heard)[-_WINDOW:] for sample in frame]

    def _state(self) -> str:
        tones = {hertz: round(self.hears(hertz), 2) for hertz in range(300, 1700, 50)}
        loudest = max(tones, key=lambda hertz: tones[hertz])
        return f"{self.received} packets, loudness {loudness(self._sound()):.0f}, most {loudest} Hz"


def where(sdp: str) -> tuple[str, int]:
    """Address and port of the audio in a description."""
    address = re.search(r"^c=IN IP4 (\S+)", sdp, re.MULTILINE)
    port = re.search(r"^m=audio (\d+)", sdp, re.MULTILINE)
    assert address, sdp
    assert port, sdp
    return address[1], int(port[1])


STRANGE = (
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA",
    "a=crypto:x y",
    "a=ptime:0",
    "a=ptime:99999999",
    "a=rtcp:99999 IN IP4 x",
    "a=fmtp:101 0-999999999999",
    "a=rtpmap:0 PCMU/0",
    "a=rtpmap:0 /8000/9",
    "a=rtpmap:101 telephone-event/99999999999",
    "c=IN IP6 ::1",
    "c=IN IP4 host.example",
    "c=IN IP4 255.255.255.255",
    "m=audio 0 RTP/AVP 0",
    "m=audio 70000 RTP/AVP 0",
    "m=audio 4000/9 RTP/AVP 0 8 101",
    "m=video 4000 RTP/AVP 99",
    "m=text 4000 RTP/AVP 98",
    "m=audio 4000 UDP/TLS/RTP/SAVP 0",
    "b=AS:-1",
    "a=inactive",
    "a=" + "x" * 500,
    "m=application 1 TCP/MRCPv2 1",
    "o=-",
)
"""Lines of descriptions that are wrong, or unusual, or both."""


def mangled(sdp: str, random: Random) -> str:
    lines = sdp.splitlines()
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(lines))
        match random.randrange(4):
            case 0 if len(lines) > 1:
                del lines[at]
            case 1:
                lines.insert(at, random.choice(STRANGE))
            case 2:
                lines.append(lines[at])
            case _:
                place = random.randrange(max(1, len(lines[at])))
                damage = random.choice(("", "0", "-", "\0", "ü", "9999999999", " ", "/"))
                lines[at] = lines[at][:place] + damage + lines[at][place + 1 :]
    return "\r\n".join(lines) + "\r\n"


@contextlib.contextmanager
def voice(hertz: int, kind: int = PCMU, *, speaking: bool = True) -> Iterator[Voice]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        one = Voice(sock, hertz, kind, speaking=speaking)
        thread = threading.Thread(target=one.run, name=f"voice {hertz}")
        thread.start()
        try:
            yield one
        finally:
            one._stop.set()
            thread.join()


def _until(condition: Callable[[], bool], within: float, problem: Callable[[], str]) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, problem()
        time.sleep(0.02)

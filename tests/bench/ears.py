"""Legs that are measured: they speak by RTP, and the kernel notes when each packet comes to them."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.bench.figures import Packet
from tests.sip.rtp import FRAME, FRAME_S, HOST, PCMU, encoded, from_ulaw, strength, tone

HERTZ = 500
HEARD = 0.5
"""Share of the sound."""
_TIMESTAMPNS = 35
"""SO_TIMESTAMPNS and SCM_TIMESTAMPNS of socket(7), which the socket module does not name."""
_TIMESPEC = struct.Struct("@ll")
_ROOM = socket.CMSG_SPACE(_TIMESPEC.size)
_BUFFER = 1 << 20


@dataclass
class Ear:
    """`packets`: those that came, by the kernel's clock. It speaks as soon as it knows where `to`."""

    sock: socket.socket
    to: tuple[str, int] | None = None
    packets: list[Packet] = field(default_factory=list)
    newest: bytes = b""

    @property
    def sdp(self) -> str:
        port = self.sock.getsockname()[1]
        return (
            f"v=0\r\no=- 17 {time.monotonic_ns()} IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )

    @property
    def hears_himself(self) -> bool:
        """What came last is the tone that it says."""
        return strength([from_ulaw(byte) for byte in self.newest], HERTZ) > HEARD

    def take(self) -> None:
        data, notes, _, _ = self.sock.recvmsg(2048, _ROOM)
        if len(data) < 12:
            return
        sequence = struct.unpack_from("!H", data, 2)[0]
        seconds, nanoseconds = _TIMESPEC.unpack_from(notes[0][2])
        self.newest = data[12:]
        self.packets.append(Packet(sequence, seconds + nanoseconds / 1e9))


@contextlib.contextmanager
def ears(count: int) -> Iterator[Sequence[Ear]]:
    """So many of them, with one thread for all."""
    with contextlib.ExitStack() as open_:
        found = [Ear(open_.enter_context(_bound())) for _ in range(count)]
        stop = threading.Event()
        thread = threading.Thread(target=_run, args=(found, stop), name="ears")
        thread.start()
        try:
            yield found
        finally:
            stop.set()
            thread.join()


def _bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    sock.bind((HOST, 0))
    return sock


def _run(found: Sequence[Ear], stop: threading.Event) -> None:
    speech = encoded(tone(HERTZ, FRAME_S), PCMU)
    by_socket = {ear.sock: ear for ear in found}
    sequence, due = 0, time.monotonic()
    while not stop.is_set():
        for sock in select.select(list(by_socket), [], [], max(0.0, due - time.monotonic()))[0]:
            by_socket[sock].take()
        if time.monotonic() < due:
            continue
        due += FRAME_S
        sequence += 1
        packet = struct.pack("!BBHII", 0x80, PCMU, sequence & 0xFFFF, sequence * FRAME, 7) + speech
        for ear in found:
            if ear.to is not None:
                with contextlib.suppress(OSError):
                    ear.sock.sendto(packet, ear.to)

"""SIP messages of a trace as a capture file that tshark and Wireshark read. Pure.

The packets are made up around the messages, which are what the router saw. UDP becomes UDP. TCP becomes
segments of connections that begin with a handshake. TLS becomes UDP too: what is in a trace is not encrypted,
and on TCP readers would take port 5061 for TLS.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from shell.trace.record import Record, Sip

LARGEST_UDP: Final = 65_000
"""Bytes of a message; the rest of a longer one is cut off, for no datagram could carry it."""
SEGMENT: Final = 1400
_RAW_IP: Final = 101
"""LINKTYPE_RAW: each packet begins with its IP header."""
_HEADER: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, _RAW_IP)
_SYN, _ACK, _PSH = 0x02, 0x10, 0x08
_TCP, _UDP = 6, 17

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
End = tuple[Address, int]


def pcap(records: Iterable[Record]) -> bytes:
    """The file: every SIP message of the records, in their order."""
    return b"".join(blocks(records))


def blocks(records: Iterable[Record]) -> Iterator[bytes]:
    """The file in pieces, one or a few packets each."""
    yield _HEADER
    connections: dict[frozenset[str], _Connection] = {}
    for record in records:
        sip = record.sip
        if sip is None:
            continue
        data = _bytes(sip.raw)
        if sip.transport == "tcp":
            known = frozenset({sip.local, sip.remote})
            connection = connections.setdefault(known, _Connection())
            packets: Iterable[bytes] = connection.carry(sip, data)
        else:
            packets = (_udp(*_ends(sip), data[:LARGEST_UDP]),)
        yield b"".join(_packet(record.at, packet) for packet in packets)


@dataclass(slots=True)
class _Connection:
    """`sent`: the next sequence number of each end."""

    sent: dict[End, int] = field(default_factory=dict)

    def carry(self, sip: Sip, data: bytes) -> Iterator[bytes]:
        source, target = _ends(sip)
        if not self.sent:
            self.sent[target] = self.sent[source] = 1
            yield _tcp(source, target, (0, 0), _SYN)
            yield _tcp(target, source, (0, 1), _SYN | _ACK)
            yield _tcp(source, target, (1, 1), _ACK)
        for begin in range(0, len(data), SEGMENT):
            piece = data[begin : begin + SEGMENT]
            at = self.sent.setdefault(source, 1)
            yield _tcp(source, target, (at, self.sent.setdefault(target, 1)), _PSH | _ACK, piece)
            self.sent[source] = (at + len(piece)) & 0xFFFFFFFF


def _ends(sip: Sip) -> tuple[End, End]:
    """Who sent it, and to whom; of one kind of address."""
    (local, local_port), (remote, remote_port) = _end(sip.local), _end(sip.remote)
    if local.version != remote.version:
        local, remote = _as_six(local), _as_six(remote)
    ends = (local, local_port), (remote, remote_port)
    return ends if sip.way == "out" else ends[::-1]


def _end(address: str) -> End:
    """Of "host:port"; what is none is nowhere."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]").partition("%")[0]
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0
    try:
        return ipaddress.ip_address(host), number & 0xFFFF
    except ValueError:
        return ipaddress.IPv4Address(0), number & 0xFFFF


def _as_six(address: Address) -> ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv6Address):
        return address
    return ipaddress.IPv6Address(b"\x00" * 10 + b"\xff\xff" + address.packed)


def _bytes(raw: str) -> bytes:
    try:
        return raw.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return raw.encode("utf-8", "replace")


def _packet(at: float, packet: bytes) -> bytes:
    micro = int(max(0.0, at) * 1_000_000)
    return (
        struct.pack("<IIII", micro // 1_000_000 & 0xFFFFFFFF, micro % 1_000_000, len(packet), len(packet))
        + packet
    )


def _udp(source: End, target: End, data: bytes) -> bytes:
    length = 8 + len(data)
    begin = struct.pack("!HHH", source[1], target[1], length)
    # A sum of 0 would say that there is none (RFC 768).
    total = _checksum(_pseudo(source[0], target[0], _UDP, length) + begin + b"\x00\x00" + data) or 0xFFFF
    return _ip(source[0], target[0], _UDP, begin + struct.pack("!H", total) + data)


def _tcp(source: End, target: End, numbers: tuple[int, int], flags: int, data: bytes = b"") -> bytes:
    """`numbers`: of the first byte, and of the one that is expected of the other end."""
    begin = struct.pack("!HHIIBBH", source[1], target[1], *numbers, 5 << 4, flags, 65_535)
    total = _checksum(
        _pseudo(source[0], target[0], _TCP, 20 + len(data)) + begin + b"\x00\x00\x00\x00" + data
    )
    return _ip(source[0], target[0], _TCP, begin + struct.pack("!HH", total, 0) + data)


def _ip(source: Address, target: Address, protocol: int, payload: bytes) -> bytes:
    if source.version == 6:
        return (
            struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
            + source.packed
            + target.packed
            + payload
        )
    begin = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol)
    ends = source.packed + target.packed
    return begin + struct.pack("!H", _checksum(begin + b"\x00\x00" + ends)) + ends + payload


def _pseudo(source: Address, target: Address, protocol: int, length: int) -> bytes:
    if source.version == 6:
        return source.packed + target.packed + struct.pack("!IBBBB", length, 0, 0, 0, protocol)
    return source.packed + target.packed + struct.pack("!BBH", 0, protocol, length)


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\x00"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF

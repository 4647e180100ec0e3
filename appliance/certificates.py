"""When the certificates in a PEM file end, and whose they are. Pure, by the shape of X.509 (RFC 5280).

The standard library reads the certificate of a connection, not one of a file (`ssl` has no public call).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----\s*(.*?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _VERSION = 0x30, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_COMMON_NAME = bytes((0x55, 0x04, 0x03))
"""2.5.4.3"""


class CertificateError(ValueError):
    """What is no certificate."""


@dataclass(frozen=True, slots=True)
class Validity:
    """`subject`: the common name, or all that there is of a name; may be empty."""

    subject: str
    begins: datetime
    ends: datetime


def first_to_end(pem: bytes) -> Validity:
    """Of all certificates of a file. Raises CertificateError."""
    found = [read(block) for block in blocks(pem)]
    if not found:
        raise CertificateError("there is no certificate in it")
    return min(found, key=lambda one: one.ends)


def blocks(pem: bytes) -> Iterator[bytes]:
    for match in _BLOCK.finditer(pem):
        try:
            yield base64.b64decode(b"".join(match[1].split()), validate=True)
        except binascii.Error as exc:
            raise CertificateError("it is damaged") from exc


def read(der: bytes) -> Validity:
    """Raises CertificateError."""
    try:
        kind, certificate, _ = _take(der)
        _, body, _ = _take(_of(kind, certificate, _SEQUENCE))
        kind, _, rest = _take(body)
        if kind == _VERSION:
            _, _, rest = _take(rest)  # the serial number
        _, _, rest = _take(rest)  # signature
        _, _, rest = _take(rest)  # issuer
        kind, validity, rest = _take(rest)
        _of(kind, validity, _SEQUENCE)
        kind, subject, _ = _take(rest)
        _of(kind, subject, _SEQUENCE)
        kind_a, begins, later = _take(validity)
        kind_b, ends, _ = _take(later)
        return Validity(_name(subject), _time(kind_a, begins), _time(kind_b, ends))
    except (IndexError, ValueError) as exc:
        raise CertificateError("it is damaged") from exc


def _take(data: bytes) -> tuple[int, bytes, bytes]:
    """Kind and content of the first element, and what comes after it (X.690 section 8.1)."""
    length, begins = data[1], 2
    if length & 0x80:
        count = length & 0x7F
        length, begins = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
    if begins + length > len(data):
        raise ValueError("cut off")
    return data[0], data[begins : begins + length], data[begins + length :]


def _of(kind: int, content: bytes, expected: int) -> bytes:
    if kind != expected:
        raise ValueError("of another kind")
    return content


def _name(subject: bytes) -> str:
    names: dict[bytes, str] = {}
    while subject:
        _, relative, subject = _take(subject)
        while relative:
            _, pair, relative = _take(relative)
            _, oid, rest = _take(pair)
            _, value, _ = _take(rest)
            names[oid] = value.decode(errors="replace")
    return names.get(_COMMON_NAME) or ", ".join(names.values())


def _time(kind: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if kind == _UTC_TIME:  # RFC 5280 section 4.1.2.5.1: 50 … 99 are of the last century
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    elif kind != _GENERALIZED_TIME:
        raise ValueError("no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)

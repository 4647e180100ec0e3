"""Read session descriptions (RFC 8866, RFC 3264), never rewrite them. Pure; the unreadable is passed over."""

from __future__ import annotations

import re
from dataclasses import dataclass

from router.sip.grammar import parameter
from router.sip.model import Message
from router.sip.names import canonical

_DEEPEST = 3
"""Multipart within multipart."""
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_DIRECTIONS = frozenset(("sendrecv", "sendonly", "recvonly", "inactive"))
_HELD = frozenset(("sendonly", "inactive"))
_UNREACHABLE = frozenset(("0.0.0.0", "::"))
_STATIC = {
    "0": ("PCMU", 8000),
    "3": ("GSM", 8000),
    "4": ("G723", 8000),
    "8": ("PCMA", 8000),
    "9": ("G722", 8000),
    "13": ("CN", 8000),
    "15": ("G728", 8000),
    "18": ("G729", 8000),
}
"""Payload types that need no rtpmap (RFC 3551 section 6)."""


@dataclass(frozen=True, slots=True)
class Codec:
    """`name` in upper case as registered; `rate` in Hz; `settings`: its fmtp line."""

    payload: str
    name: str
    rate: int = 0
    settings: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """One m= section. `port` 0: refused or off. `direction` and `address`: its own, else the session's."""

    kind: str
    port: int
    proto: str
    formats: tuple[str, ...]
    direction: str = "sendrecv"
    address: str = ""
    codecs: tuple[Codec, ...] = ()
    keys: tuple[str, ...] = ()
    """The a=crypto values (RFC 4568)."""
    fingerprint: str = ""
    """a=fingerprint of the section or the session (RFC 5763, DTLS)."""

    @property
    def has_srtp(self) -> bool:
        return "SAVP" in self.proto or bool(self.keys)

    @property
    def is_hold(self) -> bool:
        """The far side does not listen (RFC 3264 8.4, and the address 0.0.0.0 of RFC 2543)."""
        return self.direction in _HELD or self.address in _UNREACHABLE

    @property
    def offers_dtmf(self) -> bool:
        """Digits may come as RFC 4733 events."""
        return any(codec.name == "TELEPHONE-EVENT" for codec in self.codecs)


@dataclass(frozen=True, slots=True)
class Sdp:
    """`origin`: the o= value, which says by its version whether a description is a new one (RFC 3264 8)."""

    media: tuple[Media, ...] = ()
    origin: str = ""

    @property
    def audio(self) -> Media | None:
        """The first audio section that is in use."""
        return next((one for one in self.media if one.kind == "audio" and one.port), None)

    @property
    def has_srtp(self) -> bool:
        """A section in use is, or offers to be, encrypted."""
        return any(one.has_srtp for one in self.media if one.port)

    @property
    def is_hold(self) -> bool:
        """Every section in use is held."""
        used = [one for one in self.media if one.port]
        return bool(used) and all(one.is_hold for one in used)

    @property
    def offers_dtmf(self) -> bool:
        audio = self.audio
        return audio is not None and audio.offers_dtmf

    @property
    def codecs(self) -> tuple[str, ...]:
        """Names of the speech codecs of the audio section, in the order of preference."""
        audio = self.audio
        if audio is None:
            return ()
        return tuple(codec.name for codec in audio.codecs if codec.name not in ("TELEPHONE-EVENT", "CN"))


_DIRECTION = re.compile(rb"^a=(?:sendonly|recvonly|inactive)(?=\r?$)", re.MULTILINE)


def parse(body: bytes) -> Sdp:
    """Never raises: of a body that is no session description, `media` is empty."""
    session: list[str] = []
    sections: list[list[str]] = []
    lines = session
    for raw in body.decode("utf-8", "surrogateescape").split("\n"):
        line = raw.rstrip("\r \t")
        if line[:2] == "m=":
            lines = []
            sections.append(lines)
        if line[1:2] == "=":
            lines.append(line)
    address, direction, fingerprint = (
        _connection(session),
        _direction(session),
        _attribute(session, "fingerprint"),
    )
    media = (_media(section, address, direction or "sendrecv", fingerprint) for section in sections)
    origin = next((line[2:] for line in session if line[:2] == "o="), "")
    return Sdp(tuple(one for one in media if one is not None), origin)


def _media(lines: list[str], address: str, direction: str, fingerprint: str) -> Media | None:
    words = lines[0][2:].split()
    if len(words) < 3:
        return None
    port = words[1].partition("/")[0]
    formats = tuple(words[3:])
    return Media(
        kind=words[0].lower(),
        port=int(port) if len(port) <= 5 and port.isascii() and port.isdigit() else 0,
        proto=words[2].upper(),
        formats=formats,
        direction=_direction(lines) or direction,
        address=_connection(lines) or address,
        codecs=_codecs(lines, formats),
        keys=tuple(line[9:] for line in lines if line.startswith("a=crypto:")),
        fingerprint=_attribute(lines, "fingerprint") or fingerprint,
    )


def _connection(lines: list[str]) -> str:
    for line in lines:
        if line[:2] == "c=":
            words = line[2:].split()
            return words[2].partition("/")[0] if len(words) > 2 else ""
    return ""


def _direction(lines: list[str]) -> str:
    return next((line[2:] for line in lines if line[:2] == "a=" and line[2:] in _DIRECTIONS), "")


def _attribute(lines: list[str], name: str) -> str:
    start = f"a={name}:"
    return next((line[len(start) :].strip() for line in lines if line.startswith(start)), "")


def _codecs(lines: list[str], formats: tuple[str, ...]) -> tuple[Codec, ...]:
    maps: dict[str, str] = {}
    settings: dict[str, str] = {}
    for line in lines:
        if line.startswith("a=rtpmap:"):
            payload, _, encoding = line[9:].partition(" ")
            maps.setdefault(payload, encoding.strip())
        elif line.startswith("a=fmtp:"):
            payload, _, text = line[7:].partition(" ")
            settings.setdefault(payload, text.strip())
    found = []
    for payload in formats:
        if payload in maps:
            name, _, rest = maps[payload].partition("/")
            digits = rest.partition("/")[0]
            rate = int(digits) if len(digits) <= 7 and digits.isascii() and digits.isdigit() else 0
        elif payload in _STATIC:
            name, rate = _STATIC[payload]
        else:
            continue
        found.append(Codec(payload, name.upper(), rate, settings.get(payload, "")))
    return tuple(found)


def resumed(body: bytes) -> bytes:
    """A description as it was before hold: its streams speak and listen (RFC 3264 section 8.4)."""
    return _DIRECTION.sub(b"a=sendrecv", body)


def sdp_of(message: Message) -> bytes:
    """The session description in a message, byte for byte, alone or a part of several (RFC 5621), or b""."""
    if not message.body:
        return b""
    content_type = message.get("Content-Type")
    if content_type == "application/sdp" and "Content-Encoding" not in message.headers:
        return message.body
    return _find(content_type, message.get("Content-Encoding"), message.body, 0)


def _find(content_type: str, encoding: str, body: bytes, depth: int) -> bytes:
    kind = content_type.partition(";")[0].strip(" \t").lower()
    if encoding.lower() not in ("", "identity"):
        return b""
    if kind == "application/sdp":
        return body
    if not kind.startswith("multipart/") or depth == _DEEPEST:
        return b""
    boundary = parameter(content_type, "boundary")
    if not boundary:
        return b""
    for part in _parts(body, b"\n--" + boundary.encode("utf-8", "surrogateescape")):
        found = _find(*_part(part), depth + 1)
        if found:
            return found
    return b""


def _parts(body: bytes, delimiter: bytes) -> list[bytes]:
    """Each with the end of its delimiter's line; up to the closing delimiter (RFC 2046 5.1.1)."""
    parts: list[list[bytes]] = []
    for piece in (b"\n" + body).split(delimiter)[1:]:
        if piece[:2] == b"--":
            break
        if piece.lstrip(b" \t")[:1] in (b"\r", b"\n"):
            parts.append([piece])
        elif parts:  # a longer boundary that begins like this one
            parts[-1].append(piece)
    return [delimiter.join(pieces) for pieces in parts]


def _part(part: bytes) -> tuple[str, str, bytes]:
    """Content-Type, Content-Encoding and body of one part; it begins with the end of its delimiter's line."""
    blank = _BLANK_LINE.search(part)
    if blank is None:
        return "", "", b""
    headers: dict[str, str] = {}
    for line in part[: blank.start()].decode("utf-8", "surrogateescape").split("\n")[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(canonical(name), value.strip(" \t\r"))
    body = part[blank.end() :]
    if body[-1:] == b"\r":  # the line break before a delimiter belongs to the delimiter
        body = body[:-1]
    return headers.get("Content-Type", ""), headers.get("Content-Encoding", ""), body

"""Read what the router needs out of a SIP message as it came from the wire (RFC 3261, RFC 3325). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from router.ports import Identity

LONGEST = 128
"""Characters of a name or a number that are kept."""

_COMPACT = {"i": "call-id", "f": "from", "c": "content-type"}
_FOLD = re.compile(r"\r?\n[ \t]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME_ADDR = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<([^<>]*)>')
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Invite:
    """`sdp` is empty when there is no offer; `max_forwards` is None when there is no readable one."""

    caller: Identity
    dialled: str
    call_id: str
    max_forwards: int | None
    sdp: str


def read_invite(message: str) -> Invite:
    """The caller is the first asserted identity (RFC 3325) that has a number, else the From header."""
    start, headers = _head(message)
    uri = start.split(" ")[1] if start.count(" ") >= 2 else ""
    asserted = (identity(one) for line in headers.get("p-asserted-identity", ()) for one in _entries(line))
    claimed = identity(headers.get("from", [""])[0])
    caller = next((one for one in asserted if one.number), claimed)
    if not caller.name:
        caller = Identity(caller.number, claimed.name if caller.number == claimed.number else "")
    forwards = headers.get("max-forwards", [""])[0]
    return Invite(
        caller=caller,
        dialled=user_of(uri),
        call_id=_clean(headers.get("call-id", [""])[0]),
        max_forwards=int(forwards) if re.fullmatch("[0-9]{1,3}", forwards) else None,
        sdp=read_sdp(message),
    )


def read_sdp(message: str) -> str:
    """The session description in a message's body, alone or one of several parts; empty if there is none."""
    head, separator, body = message.partition("\r\n\r\n")
    if not separator or not body:
        return ""
    _, headers = _head(head)
    kind = headers.get("content-type", [""])[0]
    if kind.lower().startswith("multipart/"):
        boundary = _BOUNDARY.search(kind)
        parts = body.split("--" + boundary[1]) if boundary else []
        return next((found for part in parts if (found := read_sdp(part.lstrip("\r\n")))), "")
    if kind.partition(";")[0].strip().lower() != "application/sdp":
        return ""
    return body.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\x00", "")


def identity(address: str) -> Identity:
    """A From or P-Asserted-Identity value: display name decoded, number from the user part of its URI."""
    match = _NAME_ADDR.match(address)
    if match is None:
        return Identity(user_of(address.partition(";")[0].strip()))
    quoted, token, uri = match.groups()
    name = token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return Identity(user_of(uri), _clean(name)[:LONGEST])


def user_of(uri: str) -> str:
    """The user part of a sip, sips or tel URI, unescaped, without parameters or password; empty if none."""
    scheme, _, rest = uri.strip().partition(":")
    if scheme.lower() == "tel":
        return _clean(unquote(re.split("[;?]", rest)[0]))[:LONGEST]
    user, at, _ = rest.rpartition("@")
    if scheme.lower() not in ("sip", "sips") or not at:
        return ""
    return _clean(unquote(re.split("[:;]", user)[0]))[:LONGEST]


def _head(message: str) -> tuple[str, dict[str, list[str]]]:
    """Start line and headers by lower-case long name, in their order, folded lines joined."""
    lines = _FOLD.sub(" ", message.partition("\r\n\r\n")[0]).split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines[1:] if " " in lines[0].partition(":")[0] else lines:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        headers.setdefault(_COMPACT.get(key, key), []).append(value.strip())
    return lines[0], headers


def _entries(value: str) -> Iterator[str]:
    """Split a header value at the commas outside quotes and angle brackets."""
    return (found.group() for found in re.finditer(r'(?:"(?:[^"\\]|\\.)*"|<[^>]*>|[^",<])+', value))


def _clean(text: str) -> str:
    """Valid UTF-8 without control characters. PJSUA2 hands undecodable bytes over as surrogates."""
    decoded = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _CONTROL.sub("", decoded).strip()

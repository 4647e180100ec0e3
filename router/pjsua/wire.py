"""Read what the router needs out of a SIP message as it came from the wire (RFC 3261, RFC 3325). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from router.ports import Identity

LONGEST = 128
"""Characters of a name or a number that are kept."""
_LONGEST_HEADER = 512
"""More of one is not looked at: the patterns below take time by the square of it."""
_DEEPEST_BODY = 3
"""Multipart within multipart."""

_COMPACT = {"i": "call-id", "f": "from"}
_FOLD = re.compile(r"\r?\n[ \t]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME_ADDR = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<([^<>]*)>')
_REQUEST = re.compile(r"[^\s]+ ([^\s]+) ")
_NEEDED = re.compile(
    r"^(p-asserted-identity|from|f|call-id|i|max-forwards)[ \t]*:(.*)$", re.IGNORECASE | re.MULTILINE
)
_FORWARDS = re.compile("[0-9]{1,3}")
_ENTRY = re.compile(r'(?:"(?:[^"\\]|\\.)*"|<[^>]*>|[^",<])+')
"""One of several values: the commas in quotes and angle brackets do not part them."""
_CONTENT_TYPE = re.compile(r"^(?:content-type|c)[ \t]*:\s*([^\s;]+)", re.IGNORECASE | re.MULTILINE)
_USER_ENDS = re.compile("[:;]")
_BOUNDARY = re.compile(r'boundary="?([^";\r\n]+)"?', re.IGNORECASE)


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
    head = message.partition("\r\n\r\n")[0]
    request = _REQUEST.match(head)
    headers: dict[str, list[str]] = {}
    for name, value in _NEEDED.findall(_unfolded(head)):
        key = name.lower()
        headers.setdefault(_COMPACT.get(key, key), []).append(value.strip()[:_LONGEST_HEADER])
    forwards = headers.get("max-forwards", [""])[0]
    return Invite(
        caller=_caller(headers.get("from", [""])[0], headers.get("p-asserted-identity", [])),
        dialled=user_of(request[1]) if request else "",
        call_id=_clean(headers.get("call-id", [""])[0]),
        max_forwards=int(forwards) if _FORWARDS.fullmatch(forwards) else None,
        sdp=read_sdp(message),
    )


def _caller(claim: str, assertions: Iterable[str]) -> Identity:
    claimed = identity(claim)
    for asserted in (identity(one) for line in assertions for one in _ENTRY.findall(line)):
        if asserted.number:
            same = asserted.number == claimed.number
            return Identity(asserted.number, asserted.name or (claimed.name if same else ""))
    return claimed


def read_sdp(message: str, *, depth: int = 0) -> str:
    """The session description in a message's body, alone or one of several parts; empty if there is none."""
    head, _, body = message.partition("\r\n\r\n")
    found = _CONTENT_TYPE.search(head) if body else None
    if found is None:
        return ""
    kind = found[1].lower()
    if kind == "application/sdp":
        return _valid(body).replace("\x00", "")
    if not kind.startswith("multipart/") or depth == _DEEPEST_BODY:
        return ""
    boundary = _BOUNDARY.search(_unfolded(head[found.start() :])[:_LONGEST_HEADER])
    if boundary is None:
        return ""
    parts = body.split("--" + boundary[1])
    return next(
        (sdp for part in parts if (sdp := read_sdp("\r\n" + part.lstrip("\r\n"), depth=depth + 1))), ""
    )


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
    return _clean(unquote(_USER_ENDS.split(user)[0]))[:LONGEST]


def _unfolded(head: str) -> str:
    return _FOLD.sub(" ", head) if "\n " in head or "\n\t" in head else head


def _clean(text: str) -> str:
    plain = text.isascii() and text.isprintable()
    return text.strip() if plain else _CONTROL.sub("", _valid(text)).strip()


def _valid(text: str) -> str:
    """Valid UTF-8: PJSUA2 hands undecodable bytes over as surrogates."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

"""What a SIP message is, at one look: enough to name it and to tell whose it is. Pure; takes any text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LONG: Final = {
    "i": "call-id",
    "f": "from",
    "t": "to",
    "v": "via",
    "m": "contact",
    "c": "content-type",
    "r": "refer-to",
    "o": "event",
}
"""The compact forms (RFC 3261 section 7.3.3) of the headers that are looked at."""
_FOLDED = re.compile(r"(?:\r\n|\r|\n)[ \t]+")
_HEAD = re.compile(r"\r\n\r\n|\n\n|\r\r")
_LINES = re.compile(r"\r\n|\r|\n")
_STATUS = re.compile(r"SIP/2\.0[ \t]+(\d{3})[ \t]*(.*)", re.I)
_USER = re.compile(r"\b(?:sips?:(?:([^@>;?\s]*)@)?([^@>;?\s]*)|tel:([^>;?\s]*))", re.I)
_TAG = re.compile(r";[ \t]*tag[ \t]*=", re.I)
_MOST: Final = 16_384
"""Characters of a message that are looked at: no head that means anything is longer."""


@dataclass(frozen=True, slots=True)
class Glance:
    """`method`: of a response, the one it answers. `status`: 0 for a request. `headers`: the first value of
    each, by its long name in small letters."""

    method: str
    status: int
    reason: str
    uri: str
    headers: dict[str, str]
    has_sdp: bool

    @property
    def is_request(self) -> bool:
        return not self.status

    @property
    def name(self) -> str:
        """`INVITE`, `180 Ringing`, `200 OK (BYE)`; `not SIP` for anything else."""
        if not self.status:
            return self.method or "not SIP"
        words = f"{self.status} {self.reason}".rstrip()
        return words if self.method in {"INVITE", ""} else f"{words} ({self.method})"

    @property
    def begins_a_call(self) -> bool:
        """An INVITE outside any dialog."""
        return self.method == "INVITE" and not self.status and not _TAG.search(self.headers.get("to", ""))

    @property
    def why(self) -> str:
        """The reason that a Reason or Warning header gives (RFC 3326)."""
        given = self.headers.get("reason") or self.headers.get("warning") or ""
        return given[:200]

    def user(self, header: str) -> str:
        """The number or user in the address of a header; of one without user, nothing."""
        return user_of(self.headers.get(header, ""))


def user_of(address: str) -> str:
    """Of a URI, a name-addr, or a request's target."""
    found = _USER.search(address[:1000])
    if found is None:
        return ""
    user = found[1] or found[3] or ""
    return user.partition(":")[0]


def glance(raw: str) -> Glance:
    raw = raw[:_MOST].lstrip("\r\n")
    end = _HEAD.search(raw)
    head = raw[: end.start()] if end else raw
    if "\n " in head or "\n\t" in head or "\r " in head or "\r\t" in head:
        head = _FOLDED.sub(" ", head)
    first, *lines = _LINES.split(head)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            headers.setdefault(_LONG.get(name, name), value.strip())
    has_sdp = end is not None and "sdp" in headers.get("content-type", "").lower()
    if not has_sdp and end is not None and "multipart" in headers.get("content-type", "").lower():
        has_sdp = "application/sdp" in raw[end.end() :].lower()
    status = _STATUS.match(first)
    if status:
        method = headers.get("cseq", "").split(" ")[-1][:20]
        return Glance(method, int(status[1]), status[2].strip()[:80], "", headers, has_sdp)
    words = first.split(" ")
    if len(words) >= 3 and words[-1].upper().startswith("SIP/"):
        return Glance(words[0][:20], 0, "", words[1], headers, has_sdp)
    return Glance("", 0, "", "", headers, has_sdp)


def summary(raw: str) -> str:
    """One line: `INVITE sip:300@10.0.0.1 (SDP)`, `486 Busy Here, Q.850`. The words are the peer's."""
    seen = glance(raw)
    text = f"{seen.name} {seen.uri}" if seen.uri else seen.name
    if seen.has_sdp:
        text += " (SDP)"
    return f"{text}, {seen.why}" if seen.why else text

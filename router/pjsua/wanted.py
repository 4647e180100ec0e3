"""What an INVITE to the media server asks for, in its Request-URI (after RFC 4240, section 5). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

LONGEST = 8000
"""Characters of a Request-URI that is read: a path of 4096 bytes may be escaped."""
_CONFERENCE = re.compile(r"[A-Za-z0-9._~-]{1,128}")


class UnwantedError(Exception):
    """This INVITE cannot be served; `status` in SIP's terms, the text says why."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


@dataclass(frozen=True, slots=True)
class Wanted:
    """`play`: the file as it was named, empty for none. `srtp`: off, offer or require; `dtmf`: rfc4733, info
    or, when nothing was said, empty."""

    conference: str
    play: str = ""
    srtp: str = "off"
    dtmf: str = ""


_CHOICES = {"srtp": ("off", "offer", "require"), "dtmf": ("rfc4733", "info")}


def read(uri: str) -> Wanted:
    """Raise UnwantedError for what is no `sip:conf=<id>@…` with parameters that we know the values of.

    Unknown parameters are left alone (RFC 3261, section 19.1.1).
    """
    scheme, _, rest = uri.partition(":")
    user, at, address = rest.partition("@")
    kind, _, conference = user.partition("=")
    if scheme.lower() != "sip" or not at or kind.lower() != "conf" or len(uri) > LONGEST:
        raise UnwantedError(404, f"nothing is served at {uri[:80]}; right would be sip:conf=<id>@<host>")
    if not _CONFERENCE.fullmatch(unquote(conference)):
        raise UnwantedError(404, "a conference id has 1 to 128 letters, digits, or any of . _ ~ -")
    given = {"conference": unquote(conference)}
    for parameter in address.partition("?")[0].split(";")[1:]:
        name, _, value = parameter.partition("=")
        name, value = name.lower(), unquote(value, errors="surrogateescape")
        if name in _CHOICES and value.lower() not in _CHOICES[name]:
            raise UnwantedError(400, f"{name} is one of {', '.join(_CHOICES[name])}, not {value[:40]!r}")
        if name in _CHOICES:
            given[name] = value.lower()
        elif name == "play":
            given[name] = value
    return Wanted(**given)

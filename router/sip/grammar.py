"""Read and write the pieces of header values: URIs, addresses, Via, lists, parameters (RFC 3261 25.1). Pure.

Every function takes time in proportion to the length of its text, whatever a stranger has put there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from router.values import value

_NONE: Mapping[str, str] = MappingProxyType({})

_QUOTED = r'"(?:[^"\\]++|\\(?:.|\Z))*+(?:"|\Z)'
_ANGLES = r"<[^>]*+(?:>|\Z)"
_ENTRIES = re.compile(rf'(?:[^",<]++|{_QUOTED}|{_ANGLES})++', re.DOTALL)
_PARAMETERS = re.compile(rf'(?:[^";<]++|{_QUOTED}|{_ANGLES})++', re.DOTALL)
_NAME_ADDR = re.compile(
    r'[ \t]*+(?:"(?P<quoted>(?:[^"\\]++|\\.)*+)"|(?P<token>[^"<]*+))[ \t]*+<(?P<uri>[^<>]*+)>', re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TO_QUOTE = re.compile(r'(["\\])')
_LINE_BREAKS = re.compile(r"[\r\n\x00]")
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_PLAIN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~\[\]:]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_NOT_IN_A_URI = re.compile(r'[\x00-\x20\x7f<>"]')
_NOT_IN_A_BARE_URI = frozenset(' \t"<>')
_HOST = r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._\-]+)"
_HOST_PORT = re.compile(rf"{_HOST}(?::(?P<port>[0-9]{{1,5}}))?(?=[;?]|\Z)")
_VIA = re.compile(
    r"[ \t]*+SIP[ \t]*+/[ \t]*+2\.0[ \t]*+/[ \t]*+(?P<transport>[A-Za-z0-9\-.!%*_+`'~]++)[ \t]++"
    rf"{_HOST}[ \t]*+(?::[ \t]*+(?P<port>[0-9]{{1,5}})[ \t]*+)?(?=[;,]|\Z)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r'[ \t]*+(?:(?:"(?:[^"\\]++|\\.)*+"|[^"<]*+)[ \t]*+<[^<>]++>|[^<>" \t;]++)[ \t]*+(?:;|\Z)', re.DOTALL
)
_UNESCAPED_IN_USER = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$]")


def _none() -> Mapping[str, str]:
    return _NONE


class GrammarError(ValueError):
    """The text is not what its place in a message demands."""


@value(frozen=True, slots=True)
class Uri:
    """A SIP, SIPS, tel or other URI. `str(uri)` gives it back.

    `scheme` and the names of `params` are in lower case; `user`, `password` and the values stay escaped as
    they came (see `unescape`); `host` of IPv6 is without brackets; a parameter without value is "". Of a
    URI that is not SIP, `user` is all up to the parameters and `host` is empty.
    """

    scheme: str
    user: str = ""
    password: str = ""
    host: str = ""
    port: int | None = None
    params: Mapping[str, str] = field(default_factory=_none, hash=False)
    headers: str = ""
    """What follows the question mark, as it came."""

    def __str__(self) -> str:
        secret = f":{self.password}" if self.password else ""
        user = f"{self.user}{secret}@" if self.user and self.host else self.user
        port = "" if self.port is None else f":{self.port}"
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{bracketed(self.host)}{port}{written_params(self.params)}{headers}"


@value(frozen=True, slots=True)
class NameAddr:
    """A From, To, Contact, Route… value. `display` is unquoted; `params` are those of the header."""

    display: str
    uri_text: str
    params: Mapping[str, str] = field(default_factory=_none, hash=False)


@value(frozen=True, slots=True)
class Via:
    """One Via value. `transport` is in upper case, `host` of IPv6 without brackets; a bare `rport` is ""."""

    transport: str
    host: str
    port: int | None = None
    params: Mapping[str, str] = field(default_factory=_none, hash=False)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        params = {
            name: value if _PLAIN.fullmatch(value) else quote(value) for name, value in self.params.items()
        }
        return f"SIP/2.0/{self.transport} {bracketed(self.host)}{port}{written_params(params)}"


def bracketed(host: str) -> str:
    """A host as URIs and Via write it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def written_params(params: Mapping[str, str]) -> str:
    """`;name=value;flag`."""
    return "".join([f";{name}={value}" if value else f";{name}" for name, value in params.items()])


def split_list(text: str) -> list[str]:
    """The entries of a comma-separated value, stripped, without empty ones.

    Commas in quotes and angle brackets do not part; what opens and never closes runs to the end.
    """
    if "," not in text:
        text = text.strip(" \t")
        return [text] if text else []
    pieces = _ENTRIES.findall(text) if '"' in text or "<" in text else text.split(",")
    return [entry for piece in pieces if (entry := piece.strip(" \t"))]


def parameters(text: str) -> dict[str, str]:
    """The parameters of one header value: names in lower case, values unquoted, "" for one without value.

    The first of two with the same name counts.
    """
    if "<" in text:
        match = _NAME_ADDR.match(text)
        text = text[match.end() :] if match else text
    return _read_parameters(text)


def parameter(text: str, name: str) -> str | None:
    """One parameter (`name` in lower case) of one header value; "" when it is without value, else None."""
    if name not in text and name not in text.lower():
        return None
    return parameters(text).get(name)


def _read_parameters(text: str) -> dict[str, str]:
    """Of what follows the address, up to the first semicolon ignored."""
    found: dict[str, str] = {}
    if '"' in text:
        _, _, text = text.partition(";")
        pieces = _PARAMETERS.findall(text)
    else:
        pieces = text.split(";")[1:]
    for piece in pieces:
        name, _, value = piece.partition("=")
        name = name.strip(" \t").lower()
        if name and name not in found:
            found[name] = unquote_string(value.strip(" \t"))
    return found


def split_address(text: str) -> tuple[str, str, str]:
    """Display name (unquoted), URI and the parameters' text of a name-addr or an addr-spec.

    Without angle brackets all parameters are the header's (RFC 3261 20.10). Display names that should have
    been quoted are taken as they are. Raises GrammarError.
    """
    match = _NAME_ADDR.match(text)
    if match is None:
        uri, semicolon, params = text.partition(";")
        uri = uri.strip(" \t")
        if not uri or not _NOT_IN_A_BARE_URI.isdisjoint(uri):
            raise GrammarError(f"not an address: {text[:80]!r}")
        return "", uri, semicolon + params
    rest = text[match.end() :].lstrip(" \t")
    if rest and rest[0] != ";":
        raise GrammarError(f"after the address only parameters may follow: {text[:80]!r}")
    quoted, token, uri = match.groups()
    uri = uri.strip(" \t")
    if not uri:
        raise GrammarError(f"an address of nothing: {text[:80]!r}")
    if quoted is None:
        return token.strip(" \t"), uri, rest
    return _ESCAPED.sub(r"\1", quoted) if "\\" in quoted else quoted, uri, rest


def parse_name_addr(text: str) -> NameAddr:
    """One address with its parameters, read as `split_address` says."""
    display, uri, rest = split_address(text)
    return NameAddr(display, uri, _read_parameters(rest) if rest else _NONE)


def is_address(text: str) -> bool:
    """Whether `parse_name_addr` can read it; costs a fifth of it."""
    return _ADDRESS.match(text) is not None


def is_via(text: str) -> bool:
    """Whether a Via line begins with what `parse_via` can read; costs a fifth of it."""
    return _VIA.match(text) is not None


def parse_uri(text: str) -> Uri:
    """A URI, without angle brackets around it."""
    scheme, colon, rest = text.partition(":")
    if not colon or not rest or _SCHEME.fullmatch(scheme) is None or _NOT_IN_A_URI.search(rest):
        raise GrammarError(f"not a URI: {text[:80]!r}")
    scheme = scheme.lower()
    if scheme not in ("sip", "sips"):
        user, semicolon, tail = rest.partition(";")
        return Uri(scheme, user, params=_uri_params(tail) if semicolon else _NONE)
    userinfo, at, tail = rest.partition("@")
    if not at:
        userinfo, tail = "", rest
    match = _HOST_PORT.match(tail)
    if match is None and "@" in tail:  # user@domain@host, as some phones write it
        more, _, tail = tail.partition("@")
        userinfo, match = f"{userinfo}%40{more}", _HOST_PORT.match(tail)
    if match is None:
        raise GrammarError(f"not a SIP URI, its host or port cannot be read: {text[:80]!r}")
    user, _, password = userinfo.partition(":")
    tail, _, headers = tail[match.end() :].partition("?")
    port = match["port"]
    return Uri(
        scheme,
        user,
        password,
        match["host"].strip("[]"),
        _port(port, text) if port else None,
        _uri_params(tail[1:]) if tail else _NONE,
        headers,
    )


def _uri_params(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for piece in text.split(";"):
        name, _, value = piece.partition("=")
        if name:
            found.setdefault(name.lower(), value)
    return found


def parse_via(text: str) -> Via:
    """The first Via value of a line."""
    match = _VIA.match(text)
    if match is None:
        raise GrammarError(f"not a Via: {text[:80]!r}")
    transport, host, port = match.groups()
    rest = text[match.end() :]
    if "," in rest:
        rest = "" if rest[0] == "," else split_list(rest)[0]
    return Via(
        transport.upper(),
        host.strip("[]"),
        _port(port, text) if port else None,
        _read_parameters(rest) if rest else _NONE,
    )


def _port(digits: str, text: str) -> int:
    port = int(digits)
    if not 0 < port < 65536:
        raise GrammarError(f"no such port, 1 to 65535 exist: {text[:80]!r}")
    return port


def is_token(text: str) -> bool:
    """RFC 3261 25.1 `token`: methods, header names, parameter names."""
    return _TOKEN.fullmatch(text) is not None


def quote(display: str) -> str:
    """A quoted-string; line breaks and NUL, which none can hold, become spaces."""
    return '"' + _TO_QUOTE.sub(r"\\\1", _LINE_BREAKS.sub(" ", display)) + '"'


def unquote_string(text: str) -> str:
    """The content of a quoted-string; any other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return _ESCAPED.sub(r"\1", text[1:-1]) if "\\" in text else text[1:-1]


def unescape(text: str) -> str:
    """Percent-escapes resolved; bytes that are not UTF-8 as in the messages (surrogateescape)."""
    if "%" not in text:
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def escape(user: str) -> str:
    """A user part for a URI; what some take for the end of it or for a parameter is escaped too."""
    return _UNESCAPED_IN_USER.sub(_percent, user)


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))

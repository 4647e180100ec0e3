"""Secrets out of what a trace keeps: called where a record is made, before it leaves its process. Pure.

What people need to find a fault stays: user names, realms, nonces, which cipher, how long a digit was held.
In a body the mask is as long as what it hides, so that Content-Length stays true.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

MASK: Final = "***"

Mask = Callable[[str], str]


def redact(raw: str) -> str:
    """A SIP message (surrogateescape) without digest responses, SDES keys, passwords, tokens, DTMF digits."""
    lower = raw.lower()
    if not any(map(lower.__contains__, _OF_SECRETS)):
        return _without_passwords(raw, _short)
    end = _BLANK.search(raw)
    if end is None:
        return _cleaned(raw, lower, _short)
    head, body = raw[: end.start()], raw[end.start() :]
    body = _cleaned(body, lower, _as_long)
    if any(map(lower.__contains__, _IN_BODIES)):
        body = _body(head, body, lower)
    return _cleaned(head, lower, _short) + body


def redact_text(text: str) -> str:
    """Log text without what looks like a secret."""
    lower = text.lower()
    if not any(map(lower.__contains__, _OF_SECRETS)):
        return _without_passwords(text, _short)
    text = _cleaned(text, lower, _short, _NAMED_IN_TEXT)
    text = _ANSWER.sub(lambda found: found[1] + MASK, text)
    return _DIGITS.sub(lambda found: found[1] + MASK, text)


def _short(secret: str) -> str:
    return MASK if secret.strip("*") else secret


def _as_long(secret: str) -> str:
    return "".join(char if char in "\r\n" else "*" * len(_bytes(char)) for char in secret)


def _bytes(char: str) -> bytes:
    return char.encode("utf-8", "surrogatepass" if not "\udc80" <= char <= "\udcff" else "surrogateescape")


# Everywhere in a message: a message within another (message/sipfrag) has headers in a body.

_LWS = r"(?:[ \t]|\r?\n[ \t]|\r[ \t]){0,99}"
_VALUE = r"(?:[^\r\n]|\r?\n[ \t]|\r[ \t])*"
"""With the lines it is folded over (RFC 3261 section 7.3.1)."""
_LINE = r"(?:\A|(?<=[\r\n]))[ \t]{0,99}"
_NAME = (
    r"(?:passw|passphrase|passcode|pwd|secret|token|api[_-]?key|credential|pn-prid"
    r"|(?<![^\W_])pin|(?-i:Pin|PIN))"
)

_CREDENTIALS = re.compile(rf"(\b(?:authorization|authentication-info)[\"']?{_LWS}[:=])({_VALUE})", re.I)
_IN_URI = re.compile(r"([?&](?:proxy-)?(?:authorization|authentication-info)=)([^&>\s]*)", re.I)
_URI = re.compile(r"((?:\bsips?:|://)[^\s:@<>\"]*:)([^\s<>\"]*)", re.I)
_HEADER = re.compile(
    rf"({_LINE}(?=[\w-]*(?:passw|secret|token|pin|dtmf|api-?key|credential|cookie))[\w-]+{_LWS}:{_LWS})({_VALUE})",
    re.I,
)
_SDP_KEY = re.compile(
    rf"({_LINE}a[ \t]{{0,9}}=[ \t]{{0,9}}(?=[\w-]*(?:crypto|key-mgmt|pwd|secret))[\w-]+[ \t]{{0,9}}:"
    rf"(?:[ \t]{{0,9}}\d+[ \t]+[\w-]+(?=[ \t]))?[ \t]{{0,9}})({_VALUE})",
    re.I,
)
_K = re.compile(rf"({_LINE}k[ \t]{{0,9}}=[ \t]{{0,9}}(?:(?:clear|base64|uri)[ \t]{{0,9}}:)?)({_VALUE})", re.I)
_INLINE = re.compile(r"(\binline[ \t]{0,9}:[ \t]{0,9})(\S+)", re.I)
_SIGNAL = re.compile(
    rf"({_LINE}(?:signal|digits?|tones?|dtmf|key)[ \t]{{0,9}}[=:][ \t]{{0,9}})({_VALUE})", re.I
)
_DIALLED_ON = re.compile(r"(\b(?:postd|post-dial)=)([^\s;<>?&,]*)", re.I)
_QUOTED = r"\"(?:[^\"\\]|\\.)*(?:\"|\Z)|'(?:[^'\\]|\\.)*(?:'|\Z)"
_DIGITS_ATTRIBUTE = re.compile(rf"(\bdigits\s{{0,9}}=\s{{0,9}})({_QUOTED})", re.I | re.S)
_ELEMENT = re.compile(rf"(<[^<>/\s]{{0,40}}(?:{_NAME}|digits|dtmf)[^<>]{{0,200}}>)([^<]+)", re.I)
_NAMED = re.compile(
    rf"({_NAME}[\w-]{{0,30}}[\"']?\s{{0,20}}[=:]\s{{0,20}})(?!\*\*\*)({_QUOTED}|[^\s<>\"'][^\s<>]*)",
    re.I | re.S,
)
_NAMED_IN_TEXT = re.compile(
    rf"({_NAME}[\w-]{{0,30}}[\"']?\s{{0,20}}(?:[=:]|\bis\b)\s{{0,20}})({_QUOTED}|[^\s\"']\S*)", re.I | re.S
)

_RULES: Final[tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]] = (
    (("author", "authen"), _IN_URI),
    (("crypto", "key-mgmt", "pwd", "secret"), _SDP_KEY),
    (("k=", "k\t", "k "), _K),
    (("inline",), _INLINE),
    (("signal", "digit", "tone", "dtmf", "key"), _SIGNAL),
    (("post",), _DIALLED_ON),
    (("digits",), _DIGITS_ATTRIBUTE),
    (("</",), _ELEMENT),
    (("passw", "secret", "token", "pin", "dtmf", "api", "credential", "cookie"), _HEADER),
)
"""The words of which one must be there, in small letters, for the pattern to be worth a look."""

_OF_SECRETS: Final = (
    *("auth", "crypto", "key-mgmt", "k=", "k =", "k\t=", "inline", "signal", "digit", "tone", "dtmf", "post"),
    *(
        "pass",
        "pwd",
        "secret",
        "token",
        "api",
        "credential",
        "pn-prid",
        "pin",
        "cookie",
        "cnonce",
        "response=",
    ),
    *("response=", "info ", "-encoding", "\ne:", "\ne ", "\ne\t", "\re", "audio/telephone", "\nkey", "\rkey"),
)
"""One of these is in whatever has a secret, but for the password of a URI: in small letters."""


def _cleaned(text: str, lower: str, mask: Mask, named: re.Pattern[str] = _NAMED) -> str:
    def hide(found: re.Match[str]) -> str:
        return found[1] + mask(found[2]) if found[2] else found[0]

    # First, for a password may look like the name of a secret: then what is hidden would be the host.
    text = _without_passwords(text, mask)
    if "author" in lower or "authentication-info" in lower:
        text = _CREDENTIALS.sub(lambda found: found[1] + _credentials(found[1], found[2], mask), text)
    for words, pattern in _RULES:
        if any(map(lower.__contains__, words)):
            text = pattern.sub(hide, text)
    return named.sub(hide, text)


def _without_passwords(text: str, mask: Mask) -> str:
    """URIs without theirs: `sip:user:password@host` (RFC 3261 section 19.1.1)."""
    if not any(map(_has_two_colons, text.split("@")[:-1])):
        return text

    def hide(found: re.Match[str]) -> str:
        password, at, host = found[2].rpartition("@")
        return f"{found[1]}{mask(password)}@{host}" if at and password else found[0]

    return _URI.sub(hide, text)


def _has_two_colons(before_at: str) -> bool:
    """Whether a password may stand there: behind those of the scheme and of the user."""
    words = before_at.rsplit(None, 1)
    return bool(words) and words[-1].rpartition("<")[2].count(":") > 1


# Credentials: what is known to be harmless stays, and nothing else.

_KEPT: Final = frozenset(
    {
        "username",
        "username*",
        "userhash",
        "realm",
        "nonce",
        "nextnonce",
        "uri",
        "algorithm",
        "qop",
        "nc",
        "opaque",
    }
)
_HIDDEN: Final = frozenset({"response", "cnonce", "rspauth"})
_DIGEST = re.compile(r"[\s\"']*digest\b", re.I)
_SPACE = re.compile(r"[\s,;]+")
_PARAMETER = re.compile(r"([\w*-]+)(\s{0,99}=\s{0,99})(\"(?:[^\"\\]|\\.)*\"|[^\s,;\"]+)", re.S)
_OTHER = re.compile(r"[^\s,;]+")


def _credentials(header: str, value: str, mask: Mask) -> str:
    """The value of Authorization or Authentication-Info. Of a scheme other than Digest nothing is known."""
    scheme = _DIGEST.match(value)
    if scheme is None and "info" not in header.lower():
        return _OTHER.sub(lambda found: mask(found[0]), value)
    at = scheme.end() if scheme else 0
    kept = [value[:at]]
    while at < len(value):
        if found := _SPACE.match(value, at):
            kept.append(found[0])
        elif found := _PARAMETER.match(value, at):
            name, equals, secret = found.groups()
            if name.lower() in _KEPT:
                kept.append(found[0])
            elif name.lower() not in _HIDDEN:
                kept.append(mask(found[0]))
            elif secret.startswith('"'):
                kept.append(f'{name}{equals}"{mask(secret[1:-1])}"')
            else:
                kept.append(name + equals + mask(secret))
        else:
            found = _OTHER.match(value, at)
            assert found is not None  # neither blank nor comma
            kept.append(mask(found[0]))
        at = found.end()
    return "".join(kept)


_ANSWER = re.compile(r"(\b(?:response|cnonce|rspauth)=)(\\?\"[^\"]*\"?|[\w+/=-]+)", re.I)
_DIGITS = re.compile(
    r"(\b(?:dtmf|digits?|tones?)\b(?:[ :='\"]{1,3}(?:dtmf|digits?|tones?|signal)\b){0,2}[ :='\"]{1,3})"
    r"([0-9A-D*#]+)(?!\w)",
    re.I,
)

# Bodies.

_BLANK = re.compile(r"\r?\n\r?\n|\r\r")
_TYPE = re.compile(rf"{_LINE}(?:content-type|c){_LWS}:({_VALUE})", re.I)
_DIGITS_TYPE = re.compile(r"dtmf|digits|telephone-event", re.I)
_ENCODED = re.compile(
    rf"{_LINE}(?:content-encoding|e|content-transfer-encoding){_LWS}:{_LWS}"
    rf"(?!(?:identity|7bit|8bit|binary)[ \t]*(?:[\r\n;]|\Z))[^\s]",
    re.I,
)
_DURATION = re.compile(r"[ \t]*duration[ \t]*[=:][ \t]*\d{1,6}[ \t]*", re.I)
_SIGNAL_LINE = re.compile(r"[ \t]*signal[ \t]*[=:][ \t]*", re.I)
_ONLY_DIGITS = re.compile(rf"({_LINE})([0-9a-d*#,pw][0-9a-d*#,pw \t]{{0,64}})(?=[\r\n]|\Z)", re.I)
_BOUNDARY = re.compile(r"[\r\n]--")


_IN_BODIES: Final = ("dtmf", "info", "digits", "encoding", "audio/telephone", "\ne", "\re")


def _body(head: str, body: str, lower: str) -> str:
    """`body`: with the blank line before it."""
    if ("encoding" in lower or "\ne" in lower or "\re" in lower) and _ENCODED.search(head + body):
        return _as_long(body)  # nobody could read it, and nobody can tell what is in it
    if any(_DIGITS_TYPE.search(found[1]) for found in _TYPE.finditer(head)):
        body = _without_digits(body)
    elif "dtmf" in lower or "digits" in lower or "audio/telephone" in lower:
        body = _parts(body)
    if "info" in lower:
        body = _ONLY_DIGITS.sub(lambda found: found[1] + _as_long(found[2]), body)
    return body


def _parts(body: str) -> str:
    """Of several parts those with digits."""
    kept, at = [], 0
    for found in _TYPE.finditer(body):
        if found.start() < at or not _DIGITS_TYPE.search(found[1]):
            continue
        begin = _BLANK.search(body, found.end())
        if begin is None:
            break
        end = _BOUNDARY.search(body, begin.end())
        stop = end.start() if end else len(body)
        kept += [body[at : begin.end()], _without_digits(body[begin.end() : stop])]
        at = stop
    return "".join([*kept, body[at:]])


def _without_digits(body: str) -> str:
    """Nothing stays but how long they were held."""
    return "".join(map(_digit_line, re.split(r"([\r\n]+)", body)))


def _digit_line(line: str) -> str:
    if _DURATION.fullmatch(line):
        return line
    signal = _SIGNAL_LINE.match(line)
    kept = signal[0] if signal else ""
    return kept + _as_long(line[len(kept) :])

"""Digest authentication, the client's side: RFC 3261 section 22, RFC 7616, RFC 8760. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """`realm`: the only one they are for, empty for any."""

    user: str
    password: str = field(repr=False)
    realm: str = ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A WWW-Authenticate or Proxy-Authenticate header. Texts are as between their quotation marks.

    `algorithm`: as written, empty when it was not. `qop`: empty for a server of RFC 2069. `stale`: the
    password was right, the nonce too old.
    """

    realm: str
    nonce: str
    opaque: str | None = None
    algorithm: str = ""
    qop: tuple[str, ...] = ()
    stale: bool = False


def parse_challenge(text: str) -> Challenge | None:
    """None for another scheme than Digest, or without realm or nonce."""
    scheme, _, rest = text.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    params: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(rest):
        params.setdefault(name.lower(), quoted or plain)
    if "realm" not in params or not params.get("nonce"):
        return None
    return Challenge(
        realm=params["realm"],
        nonce=params["nonce"],
        opaque=params.get("opaque"),
        algorithm=params.get("algorithm", ""),
        qop=tuple(word.strip().lower() for word in params.get("qop", "").split(",") if word.strip()),
        stale=params.get("stale", "").lower() == "true",
    )


def choose(challenges: Iterable[str], credentials: Credentials) -> Challenge | None:
    """The first one that can be answered: servers name what they like best first (RFC 8760 section 2.4)."""
    for text in challenges:
        challenge = parse_challenge(text)
        if challenge is None or (credentials.realm and credentials.realm != challenge.realm):
            continue
        if _hash_of(challenge) is not None and (not challenge.qop or _qop(challenge)):
            return challenge
    return None


def answer(
    challenges: Iterable[str],
    credentials: Credentials,
    method: str,
    uri: str,
    body: bytes = b"",
    *,
    cnonce: str,
    nc: int = 1,
) -> str | None:
    """The value of Authorization or Proxy-Authorization; None when no challenge can be answered.

    `cnonce`: a word that nobody can guess. `nc`: how often its nonce has been used, this time included.
    """
    challenge = choose(challenges, credentials)
    return (
        None
        if challenge is None
        else respond(challenge, credentials, method, uri, body, cnonce=cnonce, nc=nc)
    )


def respond(
    challenge: Challenge,
    credentials: Credentials,
    method: str,
    uri: str,
    body: bytes = b"",
    *,
    cnonce: str,
    nc: int = 1,
) -> str:
    """The answer to a challenge that `choose` has returned."""
    hashed = _hash_of(challenge)
    if hashed is None:
        raise ValueError(f"algorithm {challenge.algorithm!r}, known are {', '.join(_HASHES)}")
    qop = _qop(challenge)
    session = challenge.algorithm.lower().endswith(_SESSION)
    secret = hashed(f"{credentials.user}:{challenge.realm}:{credentials.password}".encode(*_CODING))
    if session:
        secret = hashed(f"{secret}:{challenge.nonce}:{cnonce}".encode(*_CODING))
    asked = f"{method}:{uri}"
    if qop == "auth-int":
        asked = f"{asked}:{hashed(body)}"
    count = f"{nc:08x}"
    middle = f"{challenge.nonce}:{count}:{cnonce}:{qop}" if qop else challenge.nonce
    proof = hashed(f"{secret}:{middle}:{hashed(asked.encode(*_CODING))}".encode(*_CODING))
    user = credentials.user.replace("\\", r"\\").replace('"', r"\"")
    words = [
        f'username="{user}"',
        f'realm="{challenge.realm}"',
        f'nonce="{challenge.nonce}"',
        f'uri="{uri}"',
        f'response="{proof}"',
    ]
    if challenge.algorithm:
        words.append(f"algorithm={challenge.algorithm}")
    if qop or session:
        words.append(f'cnonce="{cnonce}"')
    if challenge.opaque is not None:
        words.append(f'opaque="{challenge.opaque}"')
    if qop:
        words += [f"qop={qop}", f"nc={count}"]
    return f"Digest {', '.join(words)}"


_PARAMETER = re.compile(r'([\w!%*+.`\'~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', re.ASCII | re.DOTALL)
_CODING = ("utf-8", "surrogateescape")
_SESSION = "-sess"


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


_HASHES: dict[str, Callable[[bytes], str]] = {"md5": _md5, "sha-256": _sha256}


def _hash_of(challenge: Challenge) -> Callable[[bytes], str] | None:
    return _HASHES.get((challenge.algorithm or "MD5").lower().removesuffix(_SESSION))


def _qop(challenge: Challenge) -> str:
    """The protection that is used; empty when none is offered, or none that is known."""
    return next((word for word in ("auth", "auth-int") if word in challenge.qop), "")

"""Who is logged in, in memory: a restart of the web service logs everybody out. The clock is an argument."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

TOKEN_BYTES = 32


def new_token() -> str:
    """256 random bits for a cookie."""
    return secrets.token_urlsafe(TOKEN_BYTES)


@dataclass(frozen=True, slots=True)
class Session:
    """`active`: monotonic seconds of the last thing its user did himself."""

    user: str
    name: str
    roles: frozenset[str]
    address: str
    active: float


@dataclass(slots=True)
class Sessions:
    """Sessions by token. Kept by the token's hash: what is in memory does not log anybody in.

    `limit`: how many at a time; the one that was idle longest makes room.
    """

    limit: int = 256
    token: Callable[[], str] = new_token
    _open: dict[bytes, Session] = field(default_factory=dict)

    def open(self, session: Session) -> str:
        """A new token for it, never one that a client has sent."""
        while len(self._open) >= self.limit:
            del self._open[min(self._open, key=lambda key: self._open[key].active)]
        token = self.token()
        self._open[_key(token)] = session
        return token

    def find(self, token: str, now: float, idle_s: float | None) -> Session | None:
        """The session, unless it has been idle for `idle_s` seconds (None: no limit); then it is over."""
        session = self._open.get(_key(token))
        if session is None:
            return None
        if idle_s is not None and now - session.active >= idle_s:
            del self._open[_key(token)]
            return None
        return session

    def touch(self, token: str, now: float) -> None:
        """Its user did something."""
        session = self._open.get(_key(token))
        if session is not None:
            self._open[_key(token)] = replace(session, active=now)

    def close(self, token: str) -> Session | None:
        """Log out; what the session was."""
        return self._open.pop(_key(token), None)

    def __len__(self) -> int:
        return len(self._open)


class FormKeys:
    """The hidden field that shows a form to be ours: derived from a cookie that no other site can read."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def of(self, cookie: str) -> str:
        return hmac.new(self._secret, cookie.encode(), hashlib.sha256).hexdigest()

    def fits(self, cookie: str | None, field: str | None) -> bool:
        if not cookie or not field:
            return False
        return hmac.compare_digest(self.of(cookie).encode(), field.encode())


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()

"""What commands may know of everybody who is logged in, and do to them; and tell of their own session."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

FrontEnd = Literal["login", "rich", "line", "script"]


class SessionRefusedError(Exception):
    """It cannot be done; nothing has happened. `hint`: the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class SessionState:
    """Somebody who is logged in. `address`: host and port. `idle_s`: since the last key. `encryption`: such
    as TLSv1.3, empty without. `doing`: the command that runs, empty at the prompt."""

    number: int
    user: str
    roles: frozenset[str]
    address: str
    since: datetime
    idle_s: float
    front_end: FrontEnd
    encryption: str
    doing: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """Numbers of sessions. `withheld`: scripts, whose output stays their own."""

    reached: tuple[int, ...]
    withheld: tuple[int, ...]


class Sessions(Protocol):
    """Everything raises SessionRefusedError for a session that is not there."""

    def all(self) -> Sequence[SessionState]:
        """In the order in which they logged in; ended ones are gone."""

    def message(self, sender: int, to: int | None, text: str) -> Delivery:
        """Show one line to a session, or with None to all but the sender. Refused when it comes too soon
        after others of the same sender."""

    def disconnect(self, sender: int, number: int, reason: str) -> SessionState:
        """Put somebody out, who is told by whom and why. The state as it was."""


class OwnSession(Protocol):
    """The session that a page or command runs in."""

    @property
    def number(self) -> int:
        """As in the list; 0 when it is in none."""

    def doing(self, what: str) -> AbstractContextManager[None]:
        """For the list, while it lasts. Never with a secret in it."""

    def kept_alive(self, at_most_s: float) -> AbstractContextManager[None]:
        """For output that goes on by itself: no idle time-out while it lasts, for so many seconds."""


class Alone:
    """Where sessions are not listed: fulfils both ports."""

    number = 0

    def all(self) -> Sequence[SessionState]:
        return ()

    def message(self, sender: int, to: int | None, text: str) -> Delivery:  # noqa: ARG002
        raise SessionRefusedError("there are no other sessions")

    def disconnect(self, sender: int, number: int, reason: str) -> SessionState:  # noqa: ARG002
        raise SessionRefusedError(f"there is no session {number}")

    def doing(self, what: str) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()

    def kept_alive(self, at_most_s: float) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account is good for now. `stamp` is another one after each change of the password."""

    roles: frozenset[str]
    stamp: str


@dataclass(frozen=True, slots=True)
class Visit:
    """The last login of somebody. `failed`: how often a name like his was tried in vain since then."""

    at: datetime
    address: str
    failed: int


class Standings(Protocol):
    """What of accounts may change while their owners are logged in. Everything raises StoreError."""

    async def revision(self) -> int:
        """Another number after each change of anything; cheap."""

    async def of(self, user: str) -> Standing | None:
        """None when there is no such account any more."""

    async def last_visit(self, user: str, like: str) -> Visit | None:
        """Over Telnet, as far as the newest notes of the audit trail tell. `like`: how the notes of failed
        logins begin that may have been meant for this user."""

"""Who is logged in over Telnet: listed, written to, put out, and ended when nothing is typed any more."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime

from shell.ports import Account
from shell.sessions_ports import Delivery, FrontEnd, SessionRefusedError, SessionState
from shell.term import Line, Span, Style

WARNING_S = 60.0
"""How long before the idle time-out somebody is warned; half of it where it is shorter than two minutes."""
END_WITHIN_S = 5.0
MESSAGES = 5
MESSAGE_EVERY_S = 10.0
"""So many messages at once, and then one in so many seconds."""
LONGEST_MESSAGE = 300


class Session:
    """One who is logged in; fulfils `OwnSession`. `idle_s` 0: he may do nothing for ever.

    `tell` shows him a line without hurting the one that he types. None for scripts."""

    def __init__(
        self,
        number: int,
        account: Account,
        *,
        address: str,
        since: datetime,
        encryption: str = "",
        idle_s: float = 0.0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._number = number
        self.account = account
        self._address = address
        self._since = since
        self._encryption = encryption
        self._idle_s = idle_s
        self.stamp: str | None = None
        """Of the password that he came in with; None while it is not known."""
        self.front_end: FrontEnd = "login"
        self.tell: Callable[[Line], None] | None = None
        self.ended_because = ""
        """Why it was ended by somebody else; empty when it was not."""
        self._farewell = ""
        self._doing: list[str] = []
        self._typed_at = self._began = self._loop.time()
        self._kept: dict[object, float] = {}
        self._warned = False
        self._timer: asyncio.TimerHandle | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._give_up: Callable[[], None] = lambda: None
        self._limit: asyncio.Timeout | None = None
        self._messages = float(MESSAGES)
        self._messages_at = self._began

    @property
    def number(self) -> int:
        return self._number

    @property
    def lasted_s(self) -> float:
        return self._loop.time() - self._began

    def state(self) -> SessionState:
        return SessionState(
            self._number,
            self.account.user,
            self.account.roles,
            self._address,
            self._since,
            self._loop.time() - self._typed_at,
            self.front_end,
            self._encryption,
            self._doing[-1] if self._doing else "",
        )

    def typed(self) -> None:
        """A key was pressed."""
        self._typed_at = self._loop.time()
        self._warned = False

    @contextmanager
    def doing(self, what: str) -> Generator[None, None, None]:
        self._doing.append(what)
        try:
            yield
        finally:
            self._doing.pop()

    @contextmanager
    def kept_alive(self, at_most_s: float) -> Generator[None, None, None]:
        key = object()
        self._kept[key] = self._loop.time() + at_most_s
        try:
            yield
        finally:
            self._typed_at = max(self._typed_at, min(self._loop.time(), self._kept.pop(key)))

    async def last(self, work: Awaitable[None], give_up: Callable[[], None]) -> str:
        """Until `work` is done, or this session is ended: then what to tell him, else empty. `give_up` is
        called when the work does not let itself be ended."""
        self._give_up = give_up
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._limit = limit
                self._look()
                await work
        except TimeoutError:
            if not limit.expired():
                raise
            return self._farewell
        finally:
            for timer in (self._timer, self._giving_up):
                if timer is not None:
                    timer.cancel()
            self._limit = None
        return ""

    def end(self, because: str, farewell: str) -> None:
        """End it from outside; the first reason counts."""
        if self._limit is not None and not self.ended_because:
            self.ended_because, self._farewell = because, farewell
            self._limit.reschedule(self._loop.time())
            self._giving_up = self._loop.call_later(END_WITHIN_S, self._give_up)

    def may_message(self) -> float:
        """Seconds until he may send a message; with 0 he has just done so."""
        now = self._loop.time()
        self._messages = min(MESSAGES, self._messages + (now - self._messages_at) / MESSAGE_EVERY_S)
        self._messages_at = now
        if self._messages < 1:
            return (1 - self._messages) * MESSAGE_EVERY_S
        self._messages -= 1
        return 0.0

    def _look(self) -> None:
        """Has he typed lately? Asked when that could first be so, not at each key."""
        if not self._idle_s:
            return
        now, warning = self._loop.time(), min(WARNING_S, self._idle_s / 2)
        last = max(self._typed_at, min(now, max(self._kept.values(), default=0.0)))
        left = self._idle_s - (now - last)
        if left <= 0:
            self.end("idle", f"% Nothing typed for {self._idle_s / 60:.0f} min: logged out")
            return
        if left <= warning and not self._warned:
            self._warned = True
            if self.tell is not None:
                self.tell((Span(f"Nothing typed for long: logged out in {left:.0f} s", Style.BAD),))
        self._timer = self._loop.call_later(left if self._warned else left - warning, self._look)


class Registry:
    """The sessions of one server; fulfils `Sessions`."""

    def __init__(self) -> None:
        self._sessions: dict[int, Session] = {}
        self._numbers = itertools.count(1)

    def enter(
        self, account: Account, *, address: str, since: datetime, encryption: str = "", idle_s: float = 0.0
    ) -> Session:
        number = next(self._numbers)
        session = Session(number, account, address=address, since=since, encryption=encryption, idle_s=idle_s)
        self._sessions[number] = session
        return session

    def leave(self, session: Session) -> None:
        self._sessions.pop(session.number, None)

    def all(self) -> Sequence[SessionState]:
        return tuple(session.state() for session in self._sessions.values())

    def message(self, sender: int, to: int | None, text: str) -> Delivery:
        others = [self._one(to)] if to is not None else [s for s in self._all() if s.number != sender]
        if len(text) > LONGEST_MESSAGE:
            raise SessionRefusedError(f"the message has more than {LONGEST_MESSAGE} characters")
        if not others:
            raise SessionRefusedError("nobody else is logged in")
        author = self._sessions.get(sender)
        if author is not None and (wait := author.may_message()):
            raise SessionRefusedError(
                f"that was {MESSAGES} messages within a minute", f"the next one in {wait:.0f} s"
            )
        line = (Span(f"Message from {self._name(sender)}: ", Style.KEY), Span(text))
        reached = []
        for session in others:
            if session.tell is not None:
                session.tell(line)
                reached.append(session.number)
        withheld = tuple(each.number for each in others if each.number not in reached)
        return Delivery(tuple(reached), withheld)

    def disconnect(self, sender: int, number: int, reason: str) -> SessionState:
        session = self._one(number)
        if sender == number:
            raise SessionRefusedError("that is your own session", "exit leaves")
        state = session.state()
        by = self._name(sender)
        why = f": {reason}" if reason else ""
        session.end(f"disconnected by {by}{why}", f"% Disconnected by {by}{why}")
        return state

    def sessions(self) -> tuple[Session, ...]:
        return self._all()

    def _all(self) -> tuple[Session, ...]:
        return tuple(self._sessions.values())

    def _one(self, number: int) -> Session:
        session = self._sessions.get(number)
        if session is None:
            raise SessionRefusedError(f"there is no session {number}", "show sessions lists them")
        return session

    def _name(self, number: int) -> str:
        session = self._sessions.get(number)
        return session.account.user if session else "the system"

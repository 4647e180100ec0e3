"""Registers the router with those PBX peers that want it: RFC 3261 section 10.2, digest of section 22."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from router import peers
from router.model import Peer
from router.ports import Clock, Timer
from router.sip import digest
from router.sip.digest import Challenge, Credentials
from router.sip.grammar import GrammarError, parse_name_addr, parse_uri
from router.sip.message import Response
from router.sip.net import Network, NetworkError
from router.sip.series import Series, account, contact
from router.sip.tokens import Tokens
from router.sip.transactions import ClientTransaction, Transactions

ASKED_FOR = 3600
"""Seconds a registration shall last, unless the PBX wants more."""
_LONGEST = 7 * 24 * 3600
_DIGITS = re.compile(r"[0-9]{1,9}")
_MOST_TRIES = 4
"""Requests in one go: the first, one for each demand for a password, one for an expiry that was too short."""


class Stage(Enum):
    TRYING = "trying"
    REGISTERED = "registered"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Registration:
    """How it stands. `expires`: seconds granted; `problem`: why the last try failed."""

    stage: Stage = Stage.TRYING
    expires: int = 0
    problem: str = ""


Changed = Callable[[Peer, Registration], None]


class RegistrarClient:
    """One registration per peer that has `register`. Idle until `use`.

    `jitter`: a number from 0 to 1 by chance, asked for after each failure.
    """

    def __init__(
        self,
        network: Network,
        transactions: Transactions,
        clock: Clock,
        *,
        jitter: Callable[[], float],
        changed: Changed,
    ) -> None:
        self.network = network
        self.transactions = transactions
        self.clock = clock
        self.jitter = jitter
        self.changed = changed
        self.tokens = Tokens()
        self._kept: dict[str, _Kept] = {}
        self._leaving: list[_Kept] = []

    def use(self, offered: Iterable[Peer]) -> None:
        """Be registered with these and no others; with one that has changed, anew."""
        before, self._kept = self._kept, {}
        begun: list[_Kept] = []
        for peer in offered:
            if not peer.register:
                continue
            known = before.get(peer.name)
            if known is not None and known.peer == peer:
                self._kept[peer.name] = before.pop(peer.name)
            else:
                self._kept[peer.name] = _Kept(self, peer)
                begun.append(self._kept[peer.name])
        self._leaving = [one for one in self._leaving if not one.ended]
        for gone in before.values():
            gone.end()
            self._leaving.append(gone)
        for one in begun:
            one.begin()

    def close(self) -> None:
        """Unregister everywhere; keep the network going until `closed`, for as long as you have time."""
        self.use(())

    @property
    def closed(self) -> bool:
        return not self._kept and all(one.ended for one in self._leaving)

    @property
    def registrations(self) -> dict[str, Registration]:
        """By the name of the peer."""
        return {name: kept.registration for name, kept in self._kept.items()}


class _Kept:
    """The registration with one peer: at most one request on its way, or one timer for the next."""

    def __init__(self, owner: RegistrarClient, peer: Peer) -> None:
        self.peer = peer
        self.registration = Registration()
        self._owner = owner
        self._series = Series(peer, owner.tokens(), owner.tokens())
        self._wanted = ASKED_FOR
        self._failures = 0
        self._tries = 0
        self._asked: ClientTransaction | None = None
        self._timer: Timer | None = None
        self._leaves = False
        self._nonce: _Nonce | None = None
        self._contact = ""

    @property
    def ended(self) -> bool:
        return self.registration.stage is Stage.ENDED

    def begin(self) -> None:
        self._stop_waiting()
        self._tries = 0
        if self._nonce is not None:
            self._nonce.fresh = False
        self._ask()

    def end(self) -> None:
        self._leaves = True
        if self._contact:
            self._asked = None
            self.begin()
        else:
            self._stop_waiting()
            self._become(Registration(Stage.ENDED))

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _become(self, registration: Registration) -> None:
        if registration != self.registration:
            self.registration = registration
            self._owner.changed(self.peer, registration)

    def _ask(self) -> None:
        self._tries += 1
        peer = self.peer
        try:
            flow = self._owner.network.flow(peer.transport.upper(), peer.host, peer.port, name=peer.domain)
        except NetworkError as exc:
            self._fail(str(exc))
            return
        self._contact = contact(flow, peer.user)
        headers = {"Expires": [str(0 if self._leaves else self._wanted)]}
        request = self._series.next("REGISTER", flow, sender=account(peer), to=account(peer), headers=headers)
        if self._nonce is not None:
            name, value = self._nonce.answer(
                Credentials(peer.user, peer.password), request.uri, self._owner.tokens()
            )
            request.headers[name] = [value]
        self._asked = None
        self._asked = self._owner.transactions.request(request, flow, self)

    def responded(self, tx: ClientTransaction, response: Response) -> None:
        status = response.status
        if tx is not self._asked or status < 200:
            return
        self._asked = None
        if status < 300:
            self._succeed(response)
        elif self._tries < _MOST_TRIES and self._learn(response):
            self._ask()
        else:
            self._fail(f"{status} {response.reason}".strip(), at_least=_number(response.get("Retry-After")))

    def failed(self, tx: ClientTransaction, _status: int, reason: str) -> None:
        if tx is self._asked:
            self._asked = None
            self._fail(reason)

    def _succeed(self, response: Response) -> None:
        if self._leaves:
            self._become(Registration(Stage.ENDED))
            return
        expires = granted(response, self._contact, self._wanted)
        if expires == 0:
            self._fail("registered for 0 s")
            return
        self._failures = 0
        self._become(Registration(Stage.REGISTERED, expires))
        self._wait(max(peers.SHORTEST_RETRY, peers.refresh_after(expires)))

    def _fail(self, problem: str, *, at_least: int = 0) -> None:
        if self._leaves:
            self._become(Registration(Stage.ENDED, problem=problem))
            return
        self._failures += 1
        self._become(Registration(Stage.FAILED, problem=problem))
        pause = peers.retry_after(self._failures, self._owner.jitter())
        self._wait(max(pause, min(at_least, peers.LONGEST_RETRY)))

    def _wait(self, seconds: float) -> None:
        self._timer = self._owner.clock.call_later(seconds, self.begin)

    def _learn(self, response: Response) -> bool:
        """Whether another try at once may fare better."""
        if response.status in (401, 407):
            return self._take_challenge(response)
        return response.status == 423 and self._take_minimum(response)

    def _take_challenge(self, response: Response) -> bool:
        """Each nonce is answered once, and another one in the same go only if that one was stale."""
        proxy = response.status == 407
        peer = self.peer
        if not peer.user:
            return False
        headers = response.headers.get("Proxy-Authenticate" if proxy else "WWW-Authenticate", [])
        challenge = digest.choose(headers, Credentials(peer.user, peer.password, peer.realm))
        if challenge is None:
            return False
        before, self._nonce = self._nonce, None
        if before is not None and before.proxy == proxy:
            if before.challenge.nonce == challenge.nonce:
                return False
            if before.fresh and not challenge.stale:
                return False
        self._nonce = _Nonce(challenge, proxy=proxy)
        return True

    def _take_minimum(self, response: Response) -> bool:
        minimum = _number(response.get("Min-Expires"))
        if not self._wanted < minimum <= _LONGEST:
            return False
        self._wanted = minimum
        return True


class _Nonce:
    """A challenge that is answered again and again until the PBX wants another one.

    `fresh`: it came in this go, so a refusal of its answer is one of the password.
    """

    __slots__ = ("_count", "challenge", "fresh", "proxy")

    def __init__(self, challenge: Challenge, *, proxy: bool) -> None:
        self.challenge = challenge
        self.proxy = proxy
        self.fresh = True
        self._count = 0

    def answer(self, credentials: Credentials, uri: str, cnonce: str) -> tuple[str, str]:
        """Name and value of the header."""
        self._count += 1
        value = digest.respond(self.challenge, credentials, "REGISTER", uri, cnonce=cnonce, nc=self._count)
        return "Proxy-Authorization" if self.proxy else "Authorization", value


def granted(response: Response, ours: str, wanted: int) -> int:
    """Seconds (RFC 3261 section 10.2.4): of our Contact in the response, else of Expires, else as wanted."""
    contacts = []
    for value in response.values("Contact"):
        try:
            parsed = parse_name_addr(value)
            uri = parse_uri(parsed.uri_text)
        except GrammarError:
            continue
        contacts.append((uri.user, uri.host, uri.port, parsed.params.get("expires") or ""))
    mine = parse_uri(ours)
    found = [
        expires
        for user, host, port, expires in contacts
        if (user, host, port) == (mine.user, mine.host, mine.port)
    ]
    if not found and len(contacts) == 1:
        found = [contacts[0][-1]]  # the PBX has written our address as it sees it
    for text in (*found, response.get("Expires")):
        if _DIGITS.match(text):
            return min(_number(text), _LONGEST)
    return wanted


def _number(text: str) -> int:
    """What a header begins with; 0 when that is no number. Retry-After may go on with a comment."""
    found = _DIGITS.match(text)
    return int(found[0]) if found else 0

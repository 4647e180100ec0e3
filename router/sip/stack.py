"""What all legs share: the way out, the clock, and the table by which requests find their leg."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol

from router.ports import Clock
from router.sip import digest
from router.sip.dialog import Dialog
from router.sip.digest import Credentials
from router.sip.message import Request, Response
from router.sip.net import Flow, Network
from router.sip.tokens import Tokens
from router.sip.transactions import ClientTransaction, Transactions

if TYPE_CHECKING:
    from router.sip.leg import Leg

MOST_DEMANDS = 3
"""How often a request is sent again with a password: once, and when its nonce was too old."""

Done = Callable[[int, Response | None], None]
"""What becomes of a request: its final status, and the response; None when nobody gave one (408, 503)."""


class Keyring(Protocol):
    def __call__(self, flow: Flow) -> Credentials | None:
        """The credentials for the PBX peer at the far end of a flow."""


class Stack:
    """One per process. `tags`: the legs by our tag of each of their dialogs."""

    __slots__ = ("asking", "clock", "credentials", "network", "tags", "tokens", "transactions")

    # Set once, by whoever makes the stack: the transactions need the inbox, and that the stack.
    network: Network
    transactions: Transactions
    credentials: Keyring

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asking = 0
        """Requests within dialogs, such as BYE, that have no final response yet."""
        self.tags: dict[str, Leg] = {}
        self.tokens = Tokens()

    def ask(self, dialog: Dialog, request: Request, done: Done) -> ClientTransaction:
        """Send a request of a dialog that is no INVITE; a demand for a password is answered."""
        return self.transactions.request(request, dialog.route(self.network), Asking(self, dialog, done))


class Asking:
    """The client of one request within a dialog."""

    __slots__ = ("_demands", "_dialog", "_done", "_stack")

    def __init__(self, stack: Stack, dialog: Dialog, done: Done) -> None:
        self._stack = stack
        self._dialog = dialog
        self._done = done
        self._demands = 0
        stack.asking += 1

    def responded(self, tx: ClientTransaction, response: Response) -> None:
        status = response.status
        if status < 200:
            return
        if status in _CHALLENGES and self._demands < MOST_DEMANDS:
            self._demands += 1
            again = authorised(self._stack, self._dialog, tx.request, response, tx.flow)
            if again is not None:
                self._stack.transactions.request(again, tx.flow, self)
                return
        self._stack.asking -= 1
        self._done(status, response)

    def failed(self, tx: ClientTransaction, status: int, reason: str) -> None:
        self._stack.asking -= 1
        self._done(status, None)


def ignored(status: int, response: Response | None) -> None:
    """For a request whose end changes nothing, such as BYE."""


def authorised(
    stack: Stack, dialog: Dialog, request: Request, response: Response, flow: Flow
) -> Request | None:
    """The request again with an answer to its challenge (RFC 3261 section 22.2); None when we have none, or
    when the password that it carried already was not taken."""
    credentials = stack.credentials(flow)
    if credentials is None:
        return None
    proxy = response.status == 407
    challenges = response.headers.get("Proxy-Authenticate" if proxy else "WWW-Authenticate", [])
    name = "Proxy-Authorization" if proxy else "Authorization"
    if name in request.headers:
        challenge = digest.choose(challenges, credentials)
        if challenge is None or not challenge.stale:
            return None
    value = digest.answer(
        challenges, credentials, request.method, request.uri, request.body, cnonce=token_hex(8)
    )
    if value is None:
        return None
    dialog.local_seq += 1
    headers = {key: list(values) for key, values in request.headers.items() if key != "Via"}
    headers["CSeq"] = [f"{dialog.local_seq} {request.method}"]
    headers[name] = [value]
    return Request(request.method, request.uri, headers, request.body)


_CHALLENGES = frozenset({401, 407})

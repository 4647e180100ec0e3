"""Who calls, what he wants kept private, by whom the call was forwarded; told on to the next leg. Pure.

Sources: RFC 3261 (From), RFC 3325 (P-Asserted-Identity), RFC 3323 (Privacy), RFC 5806 (Diversion), RFC 7044
(History-Info).
"""

from __future__ import annotations

from router.ports import Identity
from router.sip import way
from router.sip.address import identity, user_of, written
from router.sip.grammar import GrammarError, split_address
from router.sip.model import Request
from router.values import value

ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
"""RFC 3323 section 4.1.1.3."""
_NOBODY = ("", "anonymous")
_IDENTITY_PRIVACY = frozenset(("id", "user", "header"))
_HISTORY_PRIVACY = frozenset(("history", "header", "session"))


@value(frozen=True, slots=True)
class Arrival:
    """What an INVITE says about the caller and its way so far.

    `dialled`: user part of the Request-URI. `private`: the caller's identity is for routing alone. The lists
    hold the header's entries as they came, the newest Diversion first, the oldest History-Info first.
    """

    caller: Identity
    dialled: str
    private: bool = False
    diversions: int = 0
    is_anonymous: bool = False
    """From itself names nobody."""
    privacy: tuple[str, ...] = ()
    asserted: tuple[str, ...] = ()
    diversion: tuple[str, ...] = ()
    history: tuple[str, ...] = ()


def read(request: Request) -> Arrival:
    """The caller is the first asserted identity (RFC 3325) that has a number, else the From header.

    Private is a call with Privacy `id`, `user` or `header` (RFC 3323 4.2, RFC 3325 9.3), or whose From is
    anonymous; never one with `none`. `session` asks for other things (the media's addresses) and `critical`
    only says how much the rest matters, so neither hides a name by itself.
    """
    sender = request.get("From")
    asserted = tuple(request.values("P-Asserted-Identity"))
    diversion = tuple(request.values("Diversion"))
    history = tuple(request.values("History-Info"))
    privacy = tuple(request.headers.get("Privacy", ()))
    wishes = _wishes(privacy)
    anonymous = _is_anonymous(sender)
    return Arrival(
        caller=_caller(sender, asserted),
        dialled=user_of(request.uri),
        private="none" not in wishes and (anonymous or not wishes.isdisjoint(_IDENTITY_PRIVACY)),
        diversions=max(way.diversions(diversion), way.forwardings(history)) if diversion or history else 0,
        is_anonymous=anonymous,
        privacy=privacy,
        asserted=asserted,
        diversion=diversion,
        history=history,
    )


def sender(arrival: Arrival, shown: Identity, at: str, *, trusted: bool) -> str:
    """The From value for the leg going out, without a tag. `at`: our host and port as URIs write them.

    A private caller is anonymous (RFC 3323 4.1.1) to a far side that is not trusted: a phone shows From,
    whatever Privacy says. A trusted peer gets the number: it routes and bills by it and hides it itself
    (RFC 3325 section 5), unless the caller had made From anonymous: what he hid stays hidden there, and the
    peer reads P-Asserted-Identity. Only the number that was dialled has nothing to hide: any other is taken
    for the caller's, perhaps shortened.
    """
    if shown.number.lower() in _NOBODY or (
        _is_own(arrival, shown) and arrival.private and (arrival.is_anonymous or not trusted)
    ):
        return ANONYMOUS
    return written(shown, at)


def outgoing_headers(
    arrival: Arrival,
    shown: Identity,
    diverted_by: str,
    at: str,
    *,
    trusted: bool,
    reason: str = "unconditional",
    target: str = "",
) -> list[tuple[str, str]]:
    """All that is said about the caller and the way besides From (see `sender`): names and values in order.

    `diverted_by`: the number that forwards the call, "" when it is not forwarded; `reason`: why, in the words
    of RFC 5806; `target`: the URI it goes to now; `at`: our host and port.

    - P-Asserted-Identity goes to trusted peers only (RFC 3325 section 5): as it came, or `shown` when that is
      the number dialled. A From that nobody asserted is not asserted by us either.
    - Privacy is passed on as it came, to everybody: who is further on can still keep it.
    - Diversion and History-Info are kept in order, duplicates too, and extended by the forwarding. To a far
      side that is not trusted, Diversion entries marked private are left out, and such history entries made
      anonymous (RFC 7044 10.1.2), for their indices carry the order.
    """
    headers: list[tuple[str, str]] = []
    if trusted:
        if _is_own(arrival, shown):
            headers += [("P-Asserted-Identity", value) for value in arrival.asserted]
        else:
            headers.append(("P-Asserted-Identity", written(shown, at)))
    headers += [("Privacy", value) for value in arrival.privacy]
    if diverted_by:
        headers.append(("Diversion", f"{written(Identity(diverted_by), at)};reason={reason}"))
    headers += [
        ("Diversion", entry) for entry in arrival.diversion if trusted or not way.is_diversion_private(entry)
    ]
    history = list(arrival.history)
    if not trusted:
        everything = not _wishes(arrival.privacy).isdisjoint(_HISTORY_PRIVACY)
        history = [
            way.hidden(entry) if everything or way.is_history_private(entry) else entry for entry in history
        ]
    if diverted_by:
        history += way.extension(arrival.history, diverted_by, at, reason=reason, target=target)
    headers += [("History-Info", entry) for entry in history]
    return headers


def _is_own(arrival: Arrival, shown: Identity) -> bool:
    return not shown.number or shown.number != arrival.dialled


def _caller(claim: str, assertions: tuple[str, ...]) -> Identity:
    claimed = identity(claim)
    for one in assertions:
        asserted = identity(one)
        if asserted.number:
            same = asserted.number == claimed.number
            return Identity(asserted.number, asserted.name or (claimed.name if same else ""))
    return claimed


def _is_anonymous(sender: str) -> bool:
    """RFC 3323 4.1.1.3, and the spellings in use: user "anonymous", or host "anonymous.invalid"."""
    if "anonymous" not in sender and "anonymous" not in sender.lower():
        return False
    try:
        uri = split_address(sender)[1].lower()
    except GrammarError:
        return False
    return user_of(uri) == "anonymous" or uri.partition(";")[0].endswith("anonymous.invalid")


def _wishes(privacy: tuple[str, ...]) -> set[str]:
    """The priv-values of all Privacy lines; commas part them too, as some write it."""
    if not privacy:
        return set()
    return {word.strip(" \t").lower() for word in ";".join(privacy).replace(",", ";").split(";")}

"""Who calls, what he wants kept private, by whom the call was forwarded; told on to the next leg. Pure.

Sources: RFC 3261 (From), RFC 3325 (P-Asserted-Identity), RFC 3323 (Privacy), RFC 5806 (Diversion), RFC 7044
(History-Info).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from router.ports import Identity
from router.sip.grammar import GrammarError, escape, parameter, quote, split_address, unescape
from router.sip.model import Request

LONGEST = 128
"""Characters of a name or a number that are kept."""
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
"""RFC 3323 section 4.1.1.3."""
CAUSES = {
    "unconditional": 302,
    "user-busy": 486,
    "no-answer": 408,
    "deflection": 480,
    "unavailable": 503,
    "do-not-disturb": 480,
    "away": 480,
}
"""Reasons of RFC 5806 and their cause in a history entry (RFC 4458 section 2); others count as 302."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NUMBER_ENDS = re.compile("[:;]")
_TEL_ENDS = re.compile("[;?]")
_NOBODY = ("", "anonymous")
_IDENTITY_PRIVACY = frozenset(("id", "user", "header"))
_HISTORY_PRIVACY = frozenset(("history", "header", "session"))
_CAUSE = re.compile(r";cause=[0-9]", re.IGNORECASE)
_REASON = re.compile(r"[?&]Reason=", re.IGNORECASE)
_ENTRY_PRIVACY = re.compile(r"[?&]Privacy=[^&>?]*history", re.IGNORECASE)
_INDEX = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5})*")
_MOST_DIVERSIONS = 1000


@dataclass(frozen=True, slots=True)
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
        diversions=max(_diversions(diversion), _forwardings(history)) if diversion or history else 0,
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
    return _address(shown, at)


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
            headers.append(("P-Asserted-Identity", _address(shown, at)))
    headers += [("Privacy", value) for value in arrival.privacy]
    if diverted_by:
        headers.append(("Diversion", f"{_address(Identity(diverted_by), at)};reason={reason}"))
    headers += [("Diversion", entry) for entry in arrival.diversion if trusted or not _is_kept_private(entry)]
    history = list(arrival.history)
    if not trusted:
        everything = not _wishes(arrival.privacy).isdisjoint(_HISTORY_PRIVACY)
        history = [
            _hidden(entry) if everything or _ENTRY_PRIVACY.search(entry) else entry for entry in history
        ]
    if diverted_by:
        history += _extension(arrival, diverted_by, at, CAUSES.get(reason, 302), target)
    headers += [("History-Info", entry) for entry in history]
    return headers


def identity(address: str) -> Identity:
    """A From or P-Asserted-Identity value: display name decoded, number from the user part of its URI."""
    try:
        display, uri, _ = split_address(address)
    except GrammarError:
        return Identity("")
    return Identity(user_of(uri), _clean(display)[:LONGEST] if display else "")


def user_of(uri: str) -> str:
    """The user part of a sip, sips or tel URI, unescaped, without parameters or password; empty if none."""
    scheme, _, rest = uri.strip(" \t").partition(":")
    scheme = scheme.lower()
    if scheme == "tel":
        return _clean(unescape(_TEL_ENDS.split(rest, maxsplit=1)[0]))[:LONGEST]
    user, at, _ = rest.partition("@")
    if not at or scheme not in ("sip", "sips"):
        return ""
    return _clean(unescape(_NUMBER_ENDS.split(user, maxsplit=1)[0]))[:LONGEST]


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


def _diversions(entries: tuple[str, ...]) -> int:
    """RFC 5806: each entry is one diversion, or as many as its `counter` says."""
    count = 0
    for entry in entries:
        counter = parameter(entry, "counter") or ""
        known = counter.isascii() and counter.isdigit() and len(counter) < 5
        count += max(1, int(counter)) if known else 1
    return min(count, _MOST_DIVERSIONS)


def _forwardings(entries: tuple[str, ...]) -> int:
    """How many entries say that the call was forwarded: by cause (RFC 4458) or `mp` (RFC 7044), or, as in RFC
    4244, by a Reason in the entry that was left."""
    new = sum(1 for entry in entries if _CAUSE.search(entry) or parameter(entry, "mp") is not None)
    old = sum(1 for entry in entries if _REASON.search(entry))
    return max(new, old)


def _extension(arrival: Arrival, diverted_by: str, at: str, cause: int, target: str) -> list[str]:
    """The history entries this forwarding adds (RFC 7044 9.2, 10.3): who was called, if the last entry does
    not say so yet, and the target, mapped from there."""
    entries: list[str] = []
    index = ""
    if arrival.history:
        index = parameter(arrival.history[-1], "index") or ""
        if _INDEX.fullmatch(index) is None:
            index = str(len(arrival.history))
    if not index or identity(arrival.history[-1]).number != diverted_by:
        index = f"{index}.1" if index else "1"
        entries.append(f"{_address(Identity(diverted_by), at)};index={index}")
    if target:
        entries.append(f"<{_with_cause(target, cause)}>;index={index}.1;mp={index}")
    return entries


def _with_cause(target: str, cause: int) -> str:
    uri, question, headers = target.partition("?")
    return f"{uri};cause={cause}{question}{headers}"


def _hidden(entry: str) -> str:
    index = parameter(entry, "index")
    return (
        f"<sip:anonymous@anonymous.invalid>;index={index}" if index else "<sip:anonymous@anonymous.invalid>"
    )


def _is_kept_private(entry: str) -> bool:
    """RFC 5806: privacy is full, name, uri or off."""
    return (parameter(entry, "privacy") or "off").lower() != "off"


def _address(who: Identity, at: str) -> str:
    uri = f"<sip:{escape(who.number)}@{at}>"
    return f"{quote(who.name)} {uri}" if who.name else uri


def _clean(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text.strip()
    valid = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _CONTROL.sub("", valid).strip()

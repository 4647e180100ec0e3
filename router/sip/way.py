"""The way a call has come: Diversion (RFC 5806) and History-Info (RFC 7044) entries, counted and added to."""

from __future__ import annotations

import re

from router.ports import Identity
from router.sip.address import identity, written
from router.sip.grammar import parameter

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

_CAUSE = re.compile(r";cause=[0-9]", re.IGNORECASE)
_REASON = re.compile(r"[?&]Reason=", re.IGNORECASE)
_INDEX = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5})*")
_MOST_DIVERSIONS = 1000
_NOBODY = "sip:anonymous@anonymous.invalid"
_ENTRY_PRIVACY = re.compile(r"[?&]Privacy=[^&>?]*history", re.IGNORECASE)


def diversions(entries: tuple[str, ...]) -> int:
    """RFC 5806: each entry is one diversion, or as many as its `counter` says."""
    count = 0
    for entry in entries:
        counter = parameter(entry, "counter") or ""
        known = counter.isascii() and counter.isdigit() and len(counter) < 5
        count += max(1, int(counter)) if known else 1
    return min(count, _MOST_DIVERSIONS)


def forwardings(entries: tuple[str, ...]) -> int:
    """How many entries say that the call was forwarded: by cause (RFC 4458) or `mp` (RFC 7044), or, as in RFC
    4244, by a Reason in the entry that was left."""
    new = sum(1 for entry in entries if _CAUSE.search(entry) or parameter(entry, "mp") is not None)
    old = sum(1 for entry in entries if _REASON.search(entry))
    return max(new, old)


def extension(history: tuple[str, ...], diverted_by: str, at: str, *, reason: str, target: str) -> list[str]:
    """The history entries a forwarding adds (RFC 7044 9.2, 10.3): who was called, if the last entry does
    not say so yet, and the target, mapped from there."""
    entries: list[str] = []
    index = ""
    if history:
        index = parameter(history[-1], "index") or ""
        if _INDEX.fullmatch(index) is None:
            index = str(len(history))
    if not index or identity(history[-1]).number != diverted_by:
        index = f"{index}.1" if index else "1"
        entries.append(f"{written(Identity(diverted_by), at)};index={index}")
    if target:
        uri, question, headers = target.partition("?")
        entries.append(
            f"<{uri};cause={CAUSES.get(reason, 302)}{question}{headers}>;index={index}.1;mp={index}"
        )
    return entries


def is_history_private(entry: str) -> bool:
    """Its writer wants nobody outside the trusted peers to see it (RFC 7044 10.1.2)."""
    return _ENTRY_PRIVACY.search(entry) is not None


def hidden(entry: str) -> str:
    """What is left of a private history entry: its number."""
    index = parameter(entry, "index")
    return f"<{_NOBODY}>;index={index}" if index else f"<{_NOBODY}>"


def is_diversion_private(entry: str) -> bool:
    """RFC 5806: privacy is full, name, uri or off."""
    return (parameter(entry, "privacy") or "off").lower() != "off"

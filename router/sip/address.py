"""Names and numbers out of SIP addresses, and back into them (RFC 3261 20.10, 25.1). Pure."""

from __future__ import annotations

import re

from router.ports import Identity
from router.sip.grammar import GrammarError, escape, quote, split_address, unescape

LONGEST = 128
"""Characters of a name or a number that are kept."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NUMBER_ENDS = re.compile("[:;]")
_TEL_ENDS = re.compile("[;?]")


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


def written(who: Identity, at: str) -> str:
    """As a header's value; `at`: host and port as URIs write them."""
    uri = f"<sip:{escape(who.number)}@{at}>"
    return f"{quote(who.name)} {uri}" if who.name else uri


def _clean(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text.strip()
    valid = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _CONTROL.sub("", valid).strip()

"""How headers are called: one spelling for each, whatever its case or form on the wire (RFC 3261 7.3)."""

from __future__ import annotations

from router.sip.grammar import is_token

COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
"""The registered short forms (IANA SIP parameters, Header Fields)."""

_KNOWN = (
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Alert-Info",
    "Allow",
    "Authentication-Info",
    "Authorization",
    "CSeq",
    "Call-ID",
    "Call-Info",
    "Content-Disposition",
    "Content-Language",
    "Date",
    "Diversion",
    "Error-Info",
    "Expires",
    "Flow-Timer",
    "History-Info",
    "In-Reply-To",
    "MIME-Version",
    "Max-Forwards",
    "Min-Expires",
    "Min-SE",
    "Organization",
    "P-Access-Network-Info",
    "P-Asserted-Identity",
    "P-Charging-Vector",
    "P-Early-Media",
    "P-Preferred-Identity",
    "Path",
    "Priority",
    "Privacy",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Require",
    "RAck",
    "RSeq",
    "Reason",
    "Record-Route",
    "Remote-Party-ID",
    "Replaces",
    "Reply-To",
    "Require",
    "Retry-After",
    "Route",
    "SIP-ETag",
    "SIP-If-Match",
    "Server",
    "Service-Route",
    "Subscription-State",
    "Target-Dialog",
    "Timestamp",
    "Unsupported",
    "User-Agent",
    "User-To-User",
    "WWW-Authenticate",
    "Warning",
    *COMPACT.values(),
)
_BY_LOWER = {name.lower(): name for name in _KNOWN} | COMPACT
_MOST_SPELLINGS = 1024
"""Strangers choose spellings: more are worked out each time instead of being kept."""
_LONGEST_KEPT = 40

spellings: dict[str, str] = {
    spelling: name
    for lower, name in _BY_LOWER.items()
    for spelling in (lower, lower.upper(), lower.title(), name)
}
"""Spelling on the wire -> canonical name. Bounded; look here first, then call `canonical`."""


def canonical(spelling: str) -> str:
    """The one spelling of a header's name (white space around it ignored); empty if it is not a name."""
    found = spellings.get(spelling)
    if found is not None:
        return found
    name = spelling.strip(" \t")
    if not is_token(name):
        return ""
    lower = name.lower()
    found = _BY_LOWER.get(lower) or "-".join([part.capitalize() for part in lower.split("-")])
    if len(spellings) < _MOST_SPELLINGS and len(spelling) <= _LONGEST_KEPT:
        spellings[spelling] = found
    return found

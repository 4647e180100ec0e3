"""Statuses, durations, callers and phones in words an admin understands."""

from __future__ import annotations

from http import HTTPStatus

from router import numbers
from router.call import Call, Phone, Role

_SIP_PHRASES = {
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}


def phrase(status: int, reason: str = "") -> str:
    """A SIP status with its reason phrase (RFC 3261 section 21), such as `486 Busy Here`.

    `reason`: the phrase that came from outside, empty for the usual one.
    """
    known = numbers.tidy(reason, 80) or _SIP_PHRASES.get(status)
    if known is None and status in HTTPStatus._value2member_map_:
        known = HTTPStatus(status).phrase
    return f"{status} {known}" if known else str(status)


def duration(seconds: float) -> str:
    """`20 s`, `4.2 s`, `12 min 5 s`: as exact as it matters."""
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    if whole <= 180:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "min"), (left, "s"))
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount)


def caller(call: Call) -> str:
    """`Dr. Frei (0791234567)`, or what is known of it and may be told."""
    if call.private:
        return "an anonymous caller"
    if not call.number:
        return call.name or "an unknown caller"
    return f"{call.name} ({call.number})" if call.name else call.number


def name(phone: Phone) -> str:
    return phone.person.name or phone.person.user


def who(phone: Phone) -> str:
    """With his place in the group."""
    match phone.role:
        case Role.MANAGER:
            return name(phone)
        case Role.ASSISTANT:
            return f"assistant {phone.place} of {phone.of}, {name(phone)},"
        case Role.OVERFLOW:
            return f"overflow number {name(phone)}"
        case Role.FORWARDED | Role.TRANSFERRED:
            return f"number {name(phone)}"

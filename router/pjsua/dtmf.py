"""Digits in the bodies of INFO requests (application/dtmf-relay and application/dtmf). Pure."""

from __future__ import annotations

import re

DIGITS = "0123456789*#ABCD"
RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"

_SIGNAL = re.compile(r"^\s*Signal\s*=\s*([0-9A-D*#]|1[0-5])\s*$", re.IGNORECASE | re.MULTILINE)
_NUMBERED = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}


def content_type(message: str) -> str:
    """Of a SIP message, in lower case and without parameters; empty if it has none."""
    head = message.partition("\r\n\r\n")[0]
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() in ("content-type", "c"):
            return value.partition(";")[0].strip().lower()
    return ""


def read(kind: str, body: str) -> str:
    """The digit in a body of that content type; empty if there is none."""
    if kind == RELAY:
        found = _SIGNAL.search(body)
        digit = found[1].upper() if found else ""
    else:
        digit = body.strip().upper()
    digit = _NUMBERED.get(digit, digit)
    return digit if len(digit) == 1 and digit in DIGITS else ""


def relayed(digit: str, milliseconds: int = 160) -> str:
    """The body of an INFO of type application/dtmf-relay."""
    return f"Signal={digit}\r\nDuration={milliseconds}\r\n"

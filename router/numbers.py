"""Telephone numbers as they arrive, as they are shown, and as they are compared."""

from __future__ import annotations

import re

LONGEST = 64
"""Characters of a number or a SIP user that are kept; E.164 knows 15 digits."""

_NUMBER = re.compile(r"\+?[0-9*#]+")
# Visual separators of RFC 3966 section 5.1.1, and what people type besides.
_SEPARATORS = str.maketrans("", "", "-.()/ \t\u00a0\u2009\u202f\u2011\u2013")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def is_number(text: str) -> bool:
    """Digits, `*` and `#`, perhaps with `+` in front; no separators."""
    return _NUMBER.fullmatch(text) is not None


def tidy(text: str, longest: int = LONGEST) -> str:
    """Text from outside, safe to show and to log: no control characters, no line ends, bounded."""
    if text.isalnum() and len(text) <= longest:
        return text  # as nearly all are: a call cleans half a dozen
    return _UNPRINTABLE.sub(" ", text).strip()[:longest].rstrip()


def clean(text: str) -> str:
    """A number without separators and without the `(0)` after a country code; other text only tidied."""
    if text.isdigit() and text.isascii() and len(text) <= LONGEST:
        return text
    text = tidy(text)
    international = text.startswith(("+", "00"))
    number = (text.replace("(0)", "") if international else text).translate(_SEPARATORS)
    return number if is_number(number) else text


def normalise(text: str) -> str:
    """The form in which numbers are compared: cleaned, and `00` in front written as `+` (ITU-T E.164, E.123).

    National and international spellings are not made alike: the office's country is not known here.
    """
    number = clean(text)
    if number.startswith("00") and len(number) > 2 and is_number(number):
        return "+" + number[2:]
    return number


def strip_front(number: str, digits: int) -> str:
    """`gStripCallerID`: the number without its first `digits` digits; `+` does not count as one.

    A number that would become empty is kept whole, and so is what is no number. A `+` goes with the digits
    that followed it: it would claim that a country code comes next.
    """
    if digits <= 0 or not is_number(number):
        return number
    rest = number.lstrip("+")[digits:]
    return rest or number


def shown(raw: str, strip: int) -> str:
    """A caller's number for look-up, display and reports; the trace keeps `raw`."""
    return strip_front(clean(raw), strip)

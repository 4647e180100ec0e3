"""Text from outside as a database can keep it. Pure."""

from __future__ import annotations

import re

_NOT_KEPT = re.compile("[\0\ud800-\udfff]")
"""NUL, which PostgreSQL refuses, and lone surrogates, which have no UTF-8."""


def kept(text: str, longest: int) -> str:
    """At most `longest` characters; those that no database takes become U+FFFD."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    if cut.isascii() and "\0" not in cut:
        return cut  # nearly everything: a look is a tenth of what the search costs
    return _NOT_KEPT.sub("\ufffd", cut)

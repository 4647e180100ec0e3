"""Text from outside as a database can keep it. Pure."""

from __future__ import annotations


def kept(text: str, longest: int) -> str:
    """At most `longest` characters; NUL and lone surrogates, which no database takes, become U+FFFD."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return cut.replace("\0", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")

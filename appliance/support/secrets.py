"""Secrets out of what goes into a bundle: known ones wherever they stand, and what looks like one. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from shell.trace.redact import MASK, redact_text

SHORTEST = 3
"""Characters. Shorter ones are in half of all words; nothing that holds them is put into a bundle as text."""

_SECRET_NAME = re.compile(
    r"passw|passwd|pwd|secret|token|credential|private|api_?key|\bkey$|_key$|hash$", re.I
)
_PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), MASK),
    (re.compile(r"\$argon2\w*\$[^\s\"']*"), MASK),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@\"']*):[^\s/@\"']+@", re.I), rf"\1:{MASK}@"),
)


def is_secret_name(name: str) -> bool:
    """Whether what has this name (of a setting, a variable of the environment) is one."""
    return bool(_SECRET_NAME.search(name))


class Secrets:
    """`known`: passwords and keys in the clear, as this process has them."""

    def __init__(self, known: Iterable[str]) -> None:
        forms = {form for secret in known if len(secret) >= SHORTEST for form in _forms(secret)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def clean(self, text: str) -> str:
        """Text for people, such as a log."""
        text = self.without_known(text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return redact_text(text)

    def without_known(self, text: str) -> str:
        """For what was made clean where it was made, such as captures: only what we know to be secret."""
        return self._known.sub(MASK, text) if self._known else text

    def clean_data(self, value: Any) -> Any:
        """JSON: keys and structure stay."""
        match value:
            case str():
                return self.clean(value)
            case Mapping():
                return {
                    self.without_known(str(key)): self._member(str(key), each) for key, each in value.items()
                }
            case list() | tuple():
                return [self.clean_data(each) for each in value]
        return value

    def _member(self, key: str, value: Any) -> Any:
        if is_secret_name(key) and isinstance(value, str) and value:
            return MASK
        return self.clean_data(value)


def _forms(secret: str) -> set[str]:
    """As it may be written: in a URL, in JSON, in a log."""
    return {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }

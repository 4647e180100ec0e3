"""RAUC's manifests: key files as GLib reads them, and nothing that two readers could understand differently.

A line is empty, a comment, `[group]` or `key=value`. GLib takes more: groups and keys that come twice,
languages, spaces around. Those are refused: what RAUC does and what we have shown must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from firmware.update.errors import BundleError

Groups = Mapping[str, Mapping[str, str]]

LARGEST = 64 * 1024
"""Bytes; RAUC takes no larger signature, and the manifest is inside it."""

SPACES = " \t\v\f"

_GROUP = re.compile(r"\[([A-Za-z0-9][A-Za-z0-9._-]{0,99})\]")
_KEY = re.compile(r"([a-z0-9][a-z0-9_-]{0,99})=(.*)")
_ESCAPED = re.compile(r"\\(.?)")
_MEANT = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


def read(raw: bytes) -> Groups:
    """By group, then by key; values without GLib's escapes. Raises BundleError."""
    if len(raw) > LARGEST:
        raise BundleError(f"its manifest has {len(raw)} bytes; none has more than {LARGEST}")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BundleError("its manifest is not text in UTF-8") from exc
    groups: dict[str, dict[str, str]] = {}
    here: dict[str, str] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        if (group := _GROUP.fullmatch(line)) and group[1] not in groups:
            here = groups.setdefault(group[1], {})
        elif (pair := _KEY.fullmatch(line)) and here is not None and pair[1] not in here:
            here[pair[1]] = _plain(pair[2], number)
        else:
            raise BundleError(f"line {number} of its manifest is not understood: {line[:40]!a}")
    return groups


def written(groups: Groups) -> str:
    """What `read` gives back. Raises BundleError for what it would refuse."""
    parts = (
        "\n".join([f"[{name}]", *(f"{key}={_escaped(value)}" for key, value in keys.items())])
        for name, keys in groups.items()
    )
    text = "\n\n".join(parts) + "\n"
    if read(text.encode()) != groups:
        raise BundleError("such a manifest could not be read again")
    return text


def _plain(value: str, number: int) -> str:
    def meant(found: re.Match[str]) -> str:
        if found[1] not in _MEANT:
            raise BundleError(f"line {number} of its manifest has an escape that does not exist")
        return _MEANT[found[1]]

    if value != value.strip(SPACES) or "\0" in value or "\r" in value:
        raise BundleError(f"line {number} of its manifest has a value that readers understand differently")
    return _ESCAPED.sub(meant, value)


def _escaped(value: str) -> str:
    whole = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    kept = whole.lstrip(" ")
    inner = kept.rstrip(" ")
    return "\\s" * (len(whole) - len(kept)) + inner + "\\s" * (len(kept) - len(inner))

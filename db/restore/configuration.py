"""Which settings of a configuration are others in another one. What they are set to is not said: there are
passwords among them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SHOWN = 20


def differences(theirs: Path | None, ours: str) -> str:
    """In words, for who has restored a backup with `theirs`. `ours`: the present file, empty for none."""
    if theirs is None:
        return "the backup has no settings of a file"
    if not ours:
        return "this machine has no file of settings"
    then, now = _settings(theirs), _settings(Path(ours))
    if then is None or now is None:
        return f"{'that of the backup' if then is None else 'yours'} cannot be read"
    found = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    if not found:
        return "its settings are the same as yours"
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"other than yours are {', '.join(found[:SHOWN])}{more}"


def _settings(file: Path) -> dict[str, Any] | None:
    try:
        return dict(_flat("", tomllib.loads(file.read_text(encoding="utf-8"))))
    except (OSError, ValueError, RecursionError):
        return None


def _flat(before: str, found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _flat(f"{before}{name}.", value)
        else:
            yield f"{before}{name}", value

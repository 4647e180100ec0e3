"""Who may log in to repair a store that cannot be read: as of its last good read.

A file with their password hashes, for its owner only, as the store is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from db import passwords
from db.stores.accounts import Account

ROLES = frozenset({"administrator", "support"})


def keep(path: Path, known: Sequence[tuple[Account, str]]) -> bool:
    """Whether the file had to be written: whole or not at all. Raises OSError."""
    people = [
        {"user": account.user, "name": account.name, "roles": sorted(account.roles), "hash": hashed}
        for account, hashed in known
        if hashed and account.roles & ROLES
    ]
    text = json.dumps({"format": 1, "people": people})
    try:
        if path.read_text(encoding="utf-8") == text:
            return False
    except (OSError, ValueError):
        pass
    neighbour = path.with_name(path.name + ".new")
    neighbour.unlink(missing_ok=True)
    handle = os.open(neighbour, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)
    neighbour.replace(path)
    return True


def verify(path: Path, user: str, password: str) -> Account | None:
    """As `Accounts.verify`, and as slow for somebody who is not known. None also without a file."""
    name = user.strip().lower()
    found = next((each for each in _people(path) if each.get("user") == name), None)
    kept = str(found.get("hash", "")) if found else ""
    if not passwords.matches(kept, password) or found is None:
        return None
    roles = found.get("roles")
    allowed = frozenset(map(str, roles)) if isinstance(roles, list) else frozenset()
    return Account(name, str(found.get("name", "")), allowed)


def _people(path: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    people = found.get("people") if isinstance(found, dict) else None
    return [each for each in people if isinstance(each, dict)] if isinstance(people, list) else []

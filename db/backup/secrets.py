"""What backup targets log in with, and lock archives with, is not in a backup that anybody can read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pysqlite3

_WORDS = ("secret", "password")
_LEFT = "left out of a backup without a password: "
_WAS_ON = "; it was on"
_SAID = re.compile(rf"{re.escape(_LEFT)}((?:secret|password)(?:, password)?)({re.escape(_WAS_ON)})?")

Known = Mapping[tuple[Any, ...], Mapping[str, str]]
"""By the place that they are good for."""


def leave_out(path: Path) -> tuple[str, ...]:
    """Take them out of a copy of a store, which says so in the target's `result`. The target is off in it: it
    must not send archives that anybody can read. The names of the targets."""
    with closing(pysqlite3.connect(str(path), isolation_level=None)) as raw:
        if not raw.execute("SELECT 1 FROM sqlite_schema WHERE name = 'backup_target'").fetchone():
            return ()
        raw.execute("PRAGMA secure_delete=ON")
        raw.execute("BEGIN")
        found = raw.execute(
            "SELECT name, secret <> '', password <> '', enabled, result FROM backup_target"
            " WHERE secret <> '' OR password <> '' ORDER BY name"
        ).fetchall()
        for name, has_secret, has_password, enabled, result in found:
            before, was_on = _said(result)
            words = [
                word
                for word, has in zip(_WORDS, (has_secret, has_password), strict=True)
                if has or word in before
            ]
            raw.execute(
                "UPDATE backup_target SET secret = '', password = '', enabled = 0, result = ? WHERE name = ?",
                (_LEFT + ", ".join(words) + (_WAS_ON if enabled or was_on else ""), name),
            )
        raw.execute("COMMIT")
    return tuple(str(row[0]) for row in found)


def known(raw: Any, schema: str = "main") -> Known:
    """What the store has."""
    rows = raw.execute(
        f'SELECT name, kind, host, port, "user", secret, password FROM "{schema}".backup_target'
    )
    return {tuple(key): {"secret": one, "password": other} for *key, one, other in rows.fetchall()}


def give_back(raw: Any, present: Known) -> tuple[str, ...]:
    """A target of the store at the same place as one of `present` has its secrets again. What people have to
    give again, in words."""
    rows = raw.execute('SELECT name, kind, host, port, "user", result FROM main.backup_target ORDER BY name')
    notes = []
    for *key, result in rows.fetchall():
        words, was_on = _said(result)
        if not words:
            continue
        name, has = key[0], present.get(tuple(key))
        missing = []
        for word in words:
            if value := has[word] if has else "":
                raw.execute(f"UPDATE main.backup_target SET {word} = ? WHERE name = ?", (value, name))
            else:
                missing.append(word)
        if missing:
            again = " and ".join(f"target set {name} {word}" for word in missing)
            on = f", then target set {name} enabled on" if was_on else ""
            notes.append(f"{' and '.join(missing)} of target {name}, to be given again: {again}{on}")
        else:
            raw.execute(
                "UPDATE main.backup_target SET enabled = ?, result = '' WHERE name = ?", (was_on, name)
            )
    return tuple(notes)


def _said(result: str) -> tuple[tuple[str, ...], bool]:
    found = _SAID.fullmatch(result)
    return (tuple(found[1].split(", ")), found[2] is not None) if found else ((), False)

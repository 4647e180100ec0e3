"""Passwords: argon2id with 19 MiB and two passes (OWASP's second choice; 20 … 40 ms on a small machine)."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from db.errors import PasswordRefusedError

LONGEST = 256
"""Characters. A network may send any number, and hashing takes time by length."""

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)


def hashed(password: str) -> str:
    """A new hash, salt and parameters in it. Raises PasswordRefusedError."""
    if not password:
        raise PasswordRefusedError("the password is empty", hint=f"give 1 to {LONGEST} characters")
    if len(password) > LONGEST:
        problem = f"the password has {len(password)} characters"
        raise PasswordRefusedError(problem, hint=f"give 1 to {LONGEST} characters")
    return _HASHER.hash(_bytes(password))


def matches(password_hash: str, password: str) -> bool:
    """Takes as long when there is no hash (empty) as when the password is wrong."""
    try:
        _HASHER.verify(password_hash or _dummy(), _bytes(password[:LONGEST]))
    except (VerificationError, InvalidHashError, ValueError):
        return False
    return password_hash != "" and len(password) <= LONGEST


def hash_problem(password_hash: str) -> str:
    """What keeps a foreign hash from being used; empty when nothing does.

    Its parameters decide what a login costs: an enormous one would stop the machine.
    """
    if len(password_hash) > 255 or not password_hash.isascii():
        return "is no argon2id hash"
    try:
        found = extract_parameters(password_hash)
    except (InvalidHashError, ValueError):
        return "is no argon2id hash"
    if found.type is not Type.ID:
        return "is no argon2id hash"
    if found.memory_cost > 64 * 1024 or found.time_cost > 8 or found.parallelism > 4:
        return "costs more than 64 MiB, 8 passes or 4 lanes"
    return ""


@cache
def _dummy() -> str:
    return _HASHER.hash(b"nobody's")


def _bytes(password: str) -> bytes:
    # A terminal may send bytes that are no text; they arrive as lone surrogates.
    return password.encode("utf-8", "surrogatepass")

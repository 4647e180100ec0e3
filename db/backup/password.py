"""The password of a backup. Pure."""

from __future__ import annotations

from db.errors import PasswordRefusedError

SHORTEST, LONGEST = 8, 99
"""Characters. A guess costs no more than a thousand rounds (AE-2), so a short one is soon found; some readers
take no more than 99 bytes."""


def checked(password: str) -> str:
    """The password, empty for none. Raises PasswordRefusedError."""
    if not password:
        return ""
    if not password.isprintable():
        raise PasswordRefusedError(
            "the password has characters that cannot be typed", hint="use letters, digits, signs and spaces"
        )
    if len(password) < SHORTEST or len(password.encode()) > LONGEST:
        raise PasswordRefusedError(
            f"the password of a backup has {SHORTEST} characters or more, and at most {LONGEST} bytes",
            hint="a sentence is good; without it nobody can read the backup, and nobody can find it out",
        )
    return password

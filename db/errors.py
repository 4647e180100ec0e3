"""What the store refuses and what can go wrong with it. Pure.

`str(error)` says what was wrong; `.hint` says what is right or what to do next. A refused change leaves
everything as it was.
"""

from __future__ import annotations


class StoreError(Exception):
    """`hint`: what to do next; may be empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class StoreUnavailableError(StoreError):
    """No store there, or it is damaged, locked, unreachable or not ours. It may come back."""


class StoreNewerError(StoreError):
    """A newer version has written the store; this one must not touch it."""


class StoreTooOldError(StoreError):
    """An older version has written the store and nobody has migrated it yet: `db.store.prepare` does."""


class RefusedError(StoreError):
    """Somebody asked for what cannot be; nothing has changed."""


class UnknownVariableError(RefusedError):
    """`nearest`: known names that look like it, best first; may be empty."""

    def __init__(self, name: str, nearest: tuple[str, ...]) -> None:
        meant = f"did you mean {' or '.join(nearest)}?" if nearest else "the list of variables has all names"
        super().__init__(f"there is no system variable {name!r}", hint=meant)
        self.name = name
        self.nearest = nearest


class AmbiguousVariableError(RefusedError):
    """A shortened name that fits several: `candidates`, in alphabetical order."""

    def __init__(self, name: str, candidates: tuple[str, ...]) -> None:
        super().__init__(
            f"{name!r} is the beginning of several system variables", hint=f"one of {', '.join(candidates)}"
        )
        self.name = name
        self.candidates = candidates


class InvalidValueError(RefusedError):
    """`problem`: what is wrong with `text`; `expected`: what would be right."""

    def __init__(self, name: str, text: str, expected: str, *, problem: str = "") -> None:
        self.problem = problem or f"{text!r} is not a value for it"
        super().__init__(f"{name}: {self.problem}", hint=f"right is {expected}")
        self.name = name
        self.text = text
        self.expected = expected


class NotInEditionError(RefusedError):
    """The variable exists in other editions only."""

    def __init__(self, name: str, edition: str, editions: tuple[str, ...], reason: str) -> None:
        super().__init__(
            f"{name} cannot be set on the edition {edition}: {reason}",
            hint=f"it belongs to the edition {' or '.join(editions)}",
        )
        self.name = name


class UndoRefusedError(RefusedError):
    """No such change, nothing left to undo, or the value has moved on since."""


class OnTrialError(RefusedError):
    """The variable waits for somebody to confirm its last change."""

    def __init__(self, name: str, change: int, user: str) -> None:
        super().__init__(
            f"{name}: change #{change} by {user} waits to be confirmed",
            hint=f"first keep it (confirm {change}) or take it back (undo {change})",
        )
        self.name = name


class NotOnTrialError(RefusedError):
    """There is no such change that waits to be confirmed."""


class UnknownUserError(RefusedError):
    def __init__(self, user: str) -> None:
        super().__init__(
            f"there is no user {user!r}", hint="users come from the office file, or from callisto user add"
        )
        self.user = user


class UserExistsError(RefusedError):
    """Nobody else can have that name."""


class UserNameRefusedError(RefusedError):
    """A name that no user can have."""


class LastAdministratorError(RefusedError):
    """Nobody could log in and change anything any more."""


class PasswordRefusedError(RefusedError):
    """A password that cannot be kept: empty or too long."""

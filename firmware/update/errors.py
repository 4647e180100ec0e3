"""What is wrong with an update."""

from __future__ import annotations


class BundleError(Exception):
    """The update is not used. `message` says why; `hint` what to do about it, and may be empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

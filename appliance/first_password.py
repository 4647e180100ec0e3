"""The password of an appliance's first start: shown on its console until somebody has chosen another one."""

from __future__ import annotations

import contextlib
import hmac
import os
from pathlib import Path

from db.office import FIRST_ADMINISTRATOR


class FirstPassword:
    """A file of the state, for its owner's eyes alone. It is there from before the password is in force until
    it has been changed: whenever the power fails, the one that is shown is the one that is good."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def text(self) -> str | None:
        """None when there is none to be changed."""
        try:
            return self._file.read_text(encoding="utf-8").strip() or None
        except OSError:
            return None

    def is_it(self, user: str, password: str) -> bool:
        """Whether somebody whose password is right has this one."""
        text = self.text()
        same = text is not None and hmac.compare_digest(text.encode(), password.encode("utf-8", "replace"))
        return same and user == FIRST_ADMINISTRATOR

    def keep(self, password: str) -> None:
        neighbour = self._file.with_name(f".{self._file.name}.new")
        with contextlib.suppress(FileNotFoundError):
            neighbour.unlink()
        with neighbour.open("x") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(f"{password}\n")
            file.flush()
            os.fsync(file.fileno())
        neighbour.replace(self._file)
        _sync(self._file.parent)

    def forget(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._file.unlink()
            _sync(self._file.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

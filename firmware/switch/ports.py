"""What updates need of the machine. Filled by `machine.py`, by a fake in tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from firmware.switch.records import Slot
from firmware.update.bundle import Bundle


class SwitchError(Exception):
    """It cannot be done. The message says why, for people; nothing has been changed by it."""


class SlotEmptiedError(SwitchError):
    """The other slot holds no system now. What runs has not been changed."""


class Machine(Protocol):
    """Everything raises SwitchError, and may be repeated."""

    def open_program(self, bundle: Bundle) -> Path:
        """The folder with the program of an application bundle; each block is checked as it is read."""

    def close_others(self, *kept: Path) -> None:
        """Give the programs up that nobody runs any more. Those that somebody runs stay, and are no error."""

    def point(self, program: Path) -> None:
        """What is started from now on is started from there; all at once, or not at all."""

    def schema(self, program: Path) -> str:
        """Of the store, as that program has it; "" if that cannot be known."""

    def restart(self, *, apart: bool) -> None:
        """All services anew; returns when they are ready or have failed. `apart`: one after the other, while
        the others go on. That is not to be done when the store is migrated, which nobody may have open."""

    def troubles(self, version: str, within: float) -> tuple[str, ...]:
        """What does not answer after `within` seconds, or answers as another version; empty when all is well.
        `version`: "" for any."""

    def rehearse(self, program: Path) -> str:
        """Let that program take over a copy of the store; what went wrong, or empty."""

    def write_slot(self, bundle: Path, tell: Callable[[int], None]) -> None:
        """Write the slot that is not booted; `tell` gets percent. It is not made the first choice."""

    def read_back(self, slot: Slot, size: int, sha256: str) -> None:
        """Is that on the medium now?"""

    def rehearse_slot(self, slot: Slot) -> str:
        """As `rehearse`, by the program that is in that slot."""

    def mark_good(self) -> None:
        """The booted slot."""

    def prefer(self, slot: Slot) -> None:
        """It is started first from now on, with tries that are counted."""

    def give_up(self, slot: Slot) -> None:
        """It is not started by itself any more; the booted one is the first choice again."""

    def reboot(self) -> None:
        """Begins it."""
